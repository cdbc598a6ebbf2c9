"""What is printed when a cluster is up: its address, a `curl` that works as it stands, the client's lines."""

from turnout.serve.cli.outline import Outline, PublicModel

KEY_VARIABLE = "TURNOUT_KEY"
QUESTION = "What is the capital of France?"


def write_greeting(outline: Outline) -> list[str]:
    """The lines; commands in them can be copied and run."""
    lines = [f"Turnout answers at {outline.url}/v1   models: {', '.join(model.name for model in outline.models)}", ""]
    if not outline.is_open:
        lines += [f"  export {KEY_VARIABLE}=…      # one of the keys in {outline.keys}", ""]
    model = _pick(outline.models)
    lines += [f"  {line}" for line in _write_curl(outline, model)]
    lines += ["", *(f"  {line}" for line in _write_python(outline, model))]
    return lines


def _pick(models: tuple[PublicModel, ...]) -> PublicModel:
    return next((model for model in models if "chat" in model.operations), models[0])


def _write_curl(outline: Outline, model: PublicModel) -> list[str]:
    insecure = "-k " if outline.url.startswith("https:") else ""  # the certificate names a host, this is its address
    key = "" if outline.is_open else f' -H "Authorization: Bearer ${KEY_VARIABLE}"'
    path, body = _write_request(model)
    return [f"curl {insecure}{outline.url}{path} -H 'Content-Type: application/json'{key} \\", f"  -d '{body}'"]


def _write_request(model: PublicModel) -> tuple[str, str]:
    sober = (
        ', "temperature": 0' if model.is_local else ""
    )  # small models guess wildly without it; some providers refuse it
    if "chat" in model.operations:
        return (
            "/v1/chat/completions",
            f'{{"model": "{model.name}", "messages": [{{"role": "user", "content": "{QUESTION}"}}]{sober}}}',
        )
    if "completions" in model.operations:
        return "/v1/completions", f'{{"model": "{model.name}", "prompt": "The capital of France is", "max_tokens": 16}}'
    return "/v1/embeddings", f'{{"model": "{model.name}", "input": "The capital of France"}}'


def _write_python(outline: Outline, model: PublicModel) -> list[str]:
    key = '"none"' if outline.is_open else f'os.environ["{KEY_VARIABLE}"]'
    first = "from openai import OpenAI" if outline.is_open else "import os; from openai import OpenAI"
    client = f'client = OpenAI(base_url="{outline.url}/v1", api_key={key})'
    sober = ", temperature=0" if model.is_local else ""
    if "chat" in model.operations:
        messages = f'[{{"role": "user", "content": "{QUESTION}"}}]'
        call = f'client.chat.completions.create(model="{model.name}", messages={messages}{sober}).choices[0].message.content'
    elif "completions" in model.operations:
        call = f'client.completions.create(model="{model.name}", prompt="Hello", max_tokens=16).choices[0].text'
    else:
        call = f'len(client.embeddings.create(model="{model.name}", input="Hello").data[0].embedding)'
    return [first, client, f"print({call})"]
