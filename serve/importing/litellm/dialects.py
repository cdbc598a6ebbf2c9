"""Which of LiteLLM's providers speak OpenAI's dialect, where, and what there is to say of the others."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Dialect:
    """
    A provider whose server speaks OpenAI's dialect.

    Attributes:
        base_url: where, unless the config says; "" where only the config can.
        key: the variable that LiteLLM reads a key from that isn't in the config; "" where none is needed.
        path: what a config leaves out of its own addresses.
        model_prefix: goes before model names without a `/`.
    """

    base_url: str
    key: str = ""
    path: str = ""
    model_prefix: str = ""


# Addresses and variables as LiteLLM has them (litellm/litellm_core_utils/get_llm_provider_logic.py at 001a933, read on 2026-11-23). That file leaves
# some to a module of the provider's, and doesn't have others: those haven't been compared with the page that stands behind each.
DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        "openai": Dialect("https://api.openai.com/v1", "OPENAI_API_KEY"),  # platform.openai.com/docs/api-reference
        "text-completion-openai": Dialect("https://api.openai.com/v1", "OPENAI_API_KEY"),
        "custom_openai": Dialect(""),
        "openai_like": Dialect(""),
        "litellm_proxy": Dialect("", "LITELLM_PROXY_API_KEY"),
        "hosted_vllm": Dialect("", "HOSTED_VLLM_API_KEY"),  # docs.vllm.ai/en/latest/serving/openai_compatible_server
        "vllm": Dialect(""),
        "ollama": Dialect("http://localhost:11434/v1", path="/v1"),  # docs.ollama.com/api/openai-compatibility
        "ollama_chat": Dialect("http://localhost:11434/v1", path="/v1"),
        "lm_studio": Dialect("http://localhost:1234/v1"),  # lmstudio.ai/docs/developer/openai-compat
        "llamafile": Dialect("http://127.0.0.1:8080/v1"),  # github.com/mozilla-ai/llamafile
        "xinference": Dialect("http://127.0.0.1:9997/v1"),  # inference.readthedocs.io
        "groq": Dialect("https://api.groq.com/openai/v1", "GROQ_API_KEY"),  # console.groq.com/docs/openai
        "mistral": Dialect("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),  # docs.mistral.ai/api
        "codestral": Dialect(
            "https://codestral.mistral.ai/v1", "CODESTRAL_API_KEY"
        ),  # docs.mistral.ai/capabilities/code_generation
        "deepseek": Dialect("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),  # api-docs.deepseek.com
        "openrouter": Dialect("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),  # openrouter.ai/docs
        "together_ai": Dialect(
            "https://api.together.xyz/v1", "TOGETHERAI_API_KEY"
        ),  # docs.together.ai/docs/openai-api-compatibility
        "fireworks_ai": Dialect(
            "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY", model_prefix="accounts/fireworks/models/"
        ),  # docs.fireworks.ai/tools-sdks/openai-compatibility
        "xai": Dialect("https://api.x.ai/v1", "XAI_API_KEY"),  # docs.x.ai/docs/api-reference
        "perplexity": Dialect("https://api.perplexity.ai", "PERPLEXITYAI_API_KEY"),  # docs.perplexity.ai
        "gemini": Dialect(
            "https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY"
        ),  # ai.google.dev/gemini-api/docs/openai
        "cohere": Dialect(
            "https://api.cohere.ai/compatibility/v1", "COHERE_API_KEY"
        ),  # docs.cohere.com/docs/compatibility-api
        "cohere_chat": Dialect("https://api.cohere.ai/compatibility/v1", "COHERE_API_KEY"),
        "cerebras": Dialect(
            "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"
        ),  # inference-docs.cerebras.ai/resources/openai
        "sambanova": Dialect("https://api.sambanova.ai/v1", "SAMBANOVA_API_KEY"),  # docs.sambanova.ai
        "nvidia_nim": Dialect("https://integrate.api.nvidia.com/v1", "NVIDIA_NIM_API_KEY"),  # docs.api.nvidia.com/nim
        "deepinfra": Dialect(
            "https://api.deepinfra.com/v1/openai", "DEEPINFRA_API_KEY"
        ),  # deepinfra.com/docs/openai_api
        "moonshot": Dialect("https://api.moonshot.ai/v1", "MOONSHOT_API_KEY"),  # platform.moonshot.ai/docs
        "dashscope": Dialect(
            "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "DASHSCOPE_API_KEY"
        ),  # alibabacloud.com/help/en/model-studio
        "zai": Dialect("https://api.z.ai/api/paas/v4", "ZAI_API_KEY"),  # docs.z.ai
        "volcengine": Dialect(
            "https://ark.cn-beijing.volces.com/api/v3", "VOLCENGINE_API_KEY"
        ),  # volcengine.com/docs/82379
        "meta_llama": Dialect("https://api.llama.com/compat/v1", "LLAMA_API_KEY"),  # llama.developer.meta.com/docs
        "ai21": Dialect("https://api.ai21.com/studio/v1", "AI21_API_KEY"),  # docs.ai21.com
        "ai21_chat": Dialect("https://api.ai21.com/studio/v1", "AI21_API_KEY"),
        "friendliai": Dialect("https://api.friendli.ai/serverless/v1", "FRIENDLI_TOKEN"),  # friendli.ai/docs
        "hyperbolic": Dialect("https://api.hyperbolic.xyz/v1", "HYPERBOLIC_API_KEY"),  # docs.hyperbolic.xyz
        "novita": Dialect("https://api.novita.ai/v3/openai", "NOVITA_API_KEY"),  # novita.ai/docs
        "nscale": Dialect("https://inference.api.nscale.com/v1", "NSCALE_API_KEY"),  # docs.nscale.com
        "nebius": Dialect("https://api.studio.nebius.ai/v1", "NEBIUS_API_KEY"),  # docs.nebius.com/studio
    }
)

_BY_HAND = "no adapter for this dialect yet; {} by hand, if that's enough for you"

OTHERS: Mapping[str, str] = MappingProxyType(
    {
        "azure": _BY_HAND.format(
            "Azure's v1 API speaks OpenAI's: write a provider with base_url https://RESOURCE.openai.azure.com/openai/v1"
        ),
        "azure_ai": _BY_HAND.format(
            "Foundry's v1 API speaks OpenAI's: write a provider with base_url https://RESOURCE.services.ai.azure.com/openai/v1"
        ),
        "anthropic": _BY_HAND.format(
            "Anthropic has an address for OpenAI's: write a provider with base_url https://api.anthropic.com/v1"
        ),
        "bedrock": "no adapter for Bedrock and its signed requests yet",
        "sagemaker": "no adapter for SageMaker and its signed requests yet",
        "vertex_ai": "no adapter for Vertex AI and its short-lived tokens yet; prefix gemini/ with a key of AI Studio is converted",
        "vertex_ai_beta": "no adapter for Vertex AI and its short-lived tokens yet; prefix gemini/ with a key of AI Studio is converted",
        "huggingface": "no adapter yet; write a provider with base_url https://router.huggingface.co/v1 by hand",
        "replicate": "no adapter for Replicate yet",
        "watsonx": "no adapter for watsonx yet",
        "databricks": "no adapter yet; write a provider with base_url https://HOST/serving-endpoints by hand",
        "cloudflare": "no adapter yet; write a provider with base_url https://api.cloudflare.com/client/v4/accounts/ACCOUNT/ai/v1 by hand",
        "github_copilot": "no adapter for its login yet",
    }
)
"""Providers of another dialect, and what can be done meanwhile."""

_BARE = (
    ("gpt-", "openai"), ("chatgpt-", "openai"), ("o1", "openai"), ("o3", "openai"), ("o4", "openai"), ("ft:gpt-", "openai"),
    ("text-embedding-", "openai"), ("davinci-", "openai"), ("babbage-", "openai"),
    ("claude-", "anthropic"), ("gemini-", "vertex_ai"), ("command-", "cohere"), ("mistral-", "mistral"),
    ("anthropic.", "bedrock"), ("amazon.", "bedrock"), ("meta.", "bedrock"),
)  # fmt: skip
"""What LiteLLM takes names without a provider for."""


def split_model(model: str, provider: str) -> tuple[str, str]:
    """
    LiteLLM's `provider/model` as the two, the provider "" where it can't be told.

    Args:
        model: as `litellm_params.model` has it.
        provider: `custom_llm_provider`, or "".
    """
    first, separator, rest = model.partition("/")
    if provider:
        return provider, rest if first == provider else model
    if separator and (first in DIALECTS or first in OTHERS):
        return first, rest
    bare = next((name for prefix, name in _BARE if model.startswith(prefix)), "")
    return (bare, model) if not separator or model.startswith("ft:") else ("", model)
