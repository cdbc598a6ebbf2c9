// Mock model server: answers every POST with a fixed chat completion or event stream, at next to no cost. One thread, no TLS, runs until killed.
//   mock_upstream [-a HOST] [-p PORT]       prints "listening PORT" once it does; port 0 takes a free one
// POST anything    a completion after `delay_us`; with "stream":true `chunks` content chunks `gap_us` apart, the first after `delay_us`, then a finish
//                  chunk, a usage chunk if the body asks for it, [DONE]. Each chunk's text is "@T<CLOCK_MONOTONIC in ns> ", when it was sent.
// GET /_ctl?delay_us=&chunks=&gap_us=     changes what is named and answers with all three
// GET /_stats      finished answers and streams, requests whose client left, connections accepted
// GET /v1/models   one model, `mock`; any other GET answers {"status":"ok"}
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "response.h"
#include "samples.h"

typedef enum { READING, UNARY_DUE, CHUNK_DUE } state_t;

typedef struct client {
  int fd;
  state_t state;
  bool wants_usage, wants_writable;
  buffer_t in, out;
  size_t written;       // bytes of `out` that have left
  int64_t due_ns;
  size_t place;         // in the heap, from 1; 0: not in it
  long next_chunk;
  struct client *next_dead;
} client_t;

static long delay_us, chunks = 50, gap_us;
static unsigned long unary_count, stream_count, left_count, connection_count;
static int poller;
static client_t **heap;
static size_t heap_size, heap_capacity;
static client_t *dead;  // closed in this round of epoll; freed after it, because an event for it may still be waiting
static void answer_requests(client_t *client);

// --- what is due next: a binary heap

static void put(size_t place, client_t *client) {
  heap[place] = client;
  client->place = place;
}

static void sift(size_t place) {
  client_t *client = heap[place];
  for (; place > 1 && heap[place / 2]->due_ns > client->due_ns; place /= 2) put(place, heap[place / 2]);
  for (;;) {
    size_t child = place * 2;
    if (child < heap_size && heap[child + 1]->due_ns < heap[child]->due_ns) child++;
    if (child > heap_size || heap[child]->due_ns >= client->due_ns) break;
    put(place, heap[child]);
    place = child;
  }
  put(place, client);
}

static void schedule(client_t *client, int64_t due_ns) {
  if (heap_size + 2 > heap_capacity) {
    heap_capacity = heap_capacity ? heap_capacity * 2 : 256;
    heap = realloc(heap, heap_capacity * sizeof *heap);
    if (!heap) abort();
  }
  client->due_ns = due_ns;
  put(++heap_size, client);
  sift(heap_size);
}

static void unschedule(client_t *client) {
  size_t place = client->place;
  if (!place) return;
  client->place = 0;
  client_t *last = heap[heap_size--];
  if (last == client) return;
  put(place, last);
  sift(place);
}

// --- one client

static void drop(client_t *client) {
  left_count += client->state != READING;
  unschedule(client);
  close(client->fd);
  client->fd = -1;
  client->next_dead = dead;
  dead = client;
}

static void free_dead(void) {
  while (dead) {
    client_t *client = dead;
    dead = client->next_dead;
    free(client->in.bytes);
    free(client->out.bytes);
    free(client);
  }
}

static void watch_writable(client_t *client, bool wanted) {
  if (client->wants_writable == wanted) return;
  client->wants_writable = wanted;
  struct epoll_event event = {EPOLLIN | (wanted ? EPOLLOUT : 0), {.ptr = client}};
  epoll_ctl(poller, EPOLL_CTL_MOD, client->fd, &event);
}

static void flush(client_t *client) {
  while (client->written < client->out.length) {
    ssize_t sent = send(client->fd, client->out.bytes + client->written, client->out.length - client->written, MSG_NOSIGNAL);
    if (sent < 0) break;
    client->written += (size_t)sent;
  }
  if (client->written == client->out.length) client->written = client->out.length = 0;
  watch_writable(client, client->out.length > 0);
}

static void write_out(client_t *client, const char *bytes, size_t length) {
  if (!client->out.length) {
    ssize_t sent = send(client->fd, bytes, length, MSG_NOSIGNAL);
    if (sent == (ssize_t)length) return;
    if (sent > 0) {
      bytes += sent;
      length -= (size_t)sent;
    }
  }
  buffer_append(&client->out, bytes, length);
  watch_writable(client, true);
}

static void write_json(client_t *client, const char *json) {
  char answer[2048];
  int length = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                        strlen(json), json);
  write_out(client, answer, (size_t)length);
}

static void write_event(client_t *client, const char *data) {
  char chunk[1024];
  int length = snprintf(chunk, sizeof chunk, "%zx\r\ndata: %s\n\n\r\n", strlen(data) + 8, data);
  write_out(client, chunk, (size_t)length);
}

#define ID "chatcmpl-mock000000000000000000000000"
#define CHUNK_START "{\"id\":\"" ID "\",\"object\":\"chat.completion.chunk\",\"created\":1767225600,\"model\":\"mock\",\"choices\":["
static const char COMPLETION[] =
    "{\"id\":\"" ID "\",\"object\":\"chat.completion\",\"created\":1767225600,\"model\":\"mock\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
    "\"assistant\",\"content\":\"MOCK-OK The quick brown fox jumps over the lazy dog while a language model writes a short and perfectly ordinary "
    "answer of about fifty tokens, so that the body has the size of a typical completion.\",\"refusal\":null},\"logprobs\":null,"
    "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":21,\"completion_tokens\":50,\"total_tokens\":71},\"system_fingerprint\":\"fp_mock\"}";

static void send_completion(client_t *client) {
  client->state = READING;
  unary_count++;
  write_json(client, COMPLETION);
}

static void end_stream(client_t *client) {
  char data[512];
  write_event(client, CHUNK_START "{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}]}");
  if (client->wants_usage) {
    snprintf(data, sizeof data,
             CHUNK_START "],\"usage\":{\"prompt_tokens\":21,\"completion_tokens\":%ld,\"total_tokens\":%ld}}", chunks, chunks + 21);
    write_event(client, data);
  }
  write_event(client, "[DONE]");
  write_out(client, "0\r\n\r\n", 5);
  client->state = READING;
  stream_count++;
}

static void send_due_chunks(client_t *client) {
  static const char HEAD[] =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
  if (!client->next_chunk) write_out(client, HEAD, sizeof HEAD - 1);
  while (client->next_chunk < chunks) {
    char data[512];
    snprintf(data, sizeof data, CHUNK_START "{\"index\":0,\"delta\":{%s\"content\":\"@T%lld \"},\"logprobs\":null,\"finish_reason\":null}]}",
             client->next_chunk ? "" : "\"role\":\"assistant\",", (long long)monotonic_ns());
    write_event(client, data);
    client->next_chunk++;
    if (gap_us && client->next_chunk < chunks) {
      int64_t next = client->due_ns + gap_us * 1000, now = monotonic_ns();
      schedule(client, next > now ? next : now);
      return;
    }
  }
  end_stream(client);
}

// --- requests

static const char *find_header(const char *head, const char *end, const char *name) {
  size_t length = strlen(name);
  for (const char *line = memchr(head, '\n', (size_t)(end - head)); line && end - line > (long)length + 1;
       line = memchr(line + 1, '\n', (size_t)(end - line - 1)))
    if (!strncasecmp(line + 1, name, length)) return line + 1 + length;
  return NULL;
}

static bool says_true(const char *body, size_t length, const char *key) {
  const char *value = memmem(body, length, key, strlen(key));
  if (!value) return false;
  value += strlen(key);
  while (value < body + length && strchr(" \t\n:", *value)) value++;
  return body + length - value >= 4 && !memcmp(value, "true", 4);
}

static void set_knob(const char *path, const char *name, long *knob) {
  const char *value = strstr(path, name);
  if (value) *knob = atol(value + strlen(name));
}

static void answer_get(client_t *client, const char *head) {
  char path[512], json[256] = "{\"status\":\"ok\"}";
  if (sscanf(head, "GET %511s", path) != 1) path[0] = 0;
  if (!strncmp(path, "/_ctl", 5)) {
    set_knob(path, "delay_us=", &delay_us);
    set_knob(path, "chunks=", &chunks);
    set_knob(path, "gap_us=", &gap_us);
    snprintf(json, sizeof json, "{\"delay_us\":%ld,\"chunks\":%ld,\"gap_us\":%ld}", delay_us, chunks, gap_us);
  } else if (!strcmp(path, "/_stats")) {
    snprintf(json, sizeof json, "{\"unary\":%lu,\"streams\":%lu,\"left\":%lu,\"connections\":%lu}", unary_count, stream_count, left_count,
             connection_count);
  } else if (!strcmp(path, "/v1/models")) {
    strcpy(json, "{\"object\":\"list\",\"data\":[{\"id\":\"mock\",\"object\":\"model\",\"created\":1767225600,\"owned_by\":\"mock\"}]}");
  }
  write_json(client, json);
}

static void answer_post(client_t *client, const char *body, size_t length) {
  bool is_stream = says_true(body, length, "\"stream\"");
  client->wants_usage = is_stream && says_true(body, length, "\"include_usage\"");
  client->next_chunk = 0;
  client->state = is_stream ? CHUNK_DUE : UNARY_DUE;
  client->due_ns = monotonic_ns();
  if (delay_us) schedule(client, client->due_ns + delay_us * 1000);
  else if (is_stream) send_due_chunks(client);
  else send_completion(client);
}

// The length of a chunked body as it came, or 0 if it isn't whole; the chunks stay where they are, `says_true` needs no more.
static size_t chunked_length(const char *body, const char *end) {
  for (const char *at = body;;) {
    const char *line = memchr(at, '\n', (size_t)(end - at));
    if (!line) return 0;
    size_t size = strtoul(at, NULL, 16);
    if ((size_t)(end - line - 1) < size + 2) return 0;
    at = line + 1 + size + 2;
    if (!size) return (size_t)(at - body);
  }
}

static void answer_requests(client_t *client) {
  while (client->fd >= 0 && client->state == READING) {
    char *head = client->in.bytes, *blank = memmem(head, client->in.length, "\r\n\r\n", 4);
    if (!blank) return;
    char *body = blank + 4, *end = head + client->in.length;
    const char *coding = find_header(head, blank, "transfer-encoding:"), *size = find_header(head, blank, "content-length:");
    size_t length = coding ? chunked_length(body, end) : size ? strtoul(size, NULL, 10) : 0;
    if ((coding && !length) || (size_t)(end - body) < length) return;
    if (head[0] == 'P') answer_post(client, body, length);
    else answer_get(client, head);
    if (client->fd < 0) return;
    size_t used = (size_t)(body - head) + length;
    client->in.length -= used;
    memmove(head, head + used, client->in.length);
  }
}

static void read_client(client_t *client) {
  static char bytes[256 << 10];
  ssize_t got = recv(client->fd, bytes, sizeof bytes, 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) {
    drop(client);
    return;
  }
  buffer_append(&client->in, bytes, (size_t)got);
  answer_requests(client);
}

static void accept_clients(int listener) {
  int fd, yes = 1;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    client_t *client = calloc(1, sizeof *client);
    if (!client) abort();
    client->fd = fd;
    connection_count++;
    struct epoll_event event = {EPOLLIN, {.ptr = client}};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
  }
}

static void answer_due(void) {
  int64_t now = monotonic_ns();
  while (heap_size && heap[1]->due_ns <= now) {
    client_t *client = heap[1];
    unschedule(client);
    if (client->state == UNARY_DUE) send_completion(client);
    else send_due_chunks(client);
    answer_requests(client);
  }
}

static void serve(int listener) {
  static struct epoll_event events[256];
  static const struct itimerspec NEVER;
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  struct epoll_event on_listener = {EPOLLIN, {.ptr = &accept_clients}}, on_timer = {EPOLLIN, {.ptr = NULL}};
  epoll_ctl(poller, EPOLL_CTL_ADD, listener, &on_listener);
  epoll_ctl(poller, EPOLL_CTL_ADD, timer, &on_timer);
  for (int64_t armed_ns = 0;;) {
    int64_t wake_ns = heap_size ? heap[1]->due_ns : 0;
    if (wake_ns != armed_ns) {
      struct itimerspec alarm = {.it_value = {wake_ns / 1000000000, wake_ns % 1000000000}};
      timerfd_settime(timer, TFD_TIMER_ABSTIME, wake_ns ? &alarm : &NEVER, NULL);
      armed_ns = wake_ns;
    }
    int ready = epoll_wait(poller, events, 256, -1);
    for (int i = 0; i < ready; i++) {
      client_t *client = events[i].data.ptr;
      if ((void *)client == (void *)&accept_clients) accept_clients(listener);
      else if (client && client->fd >= 0 && events[i].events & EPOLLOUT) flush(client);
      if (client && (void *)client != (void *)&accept_clients && client->fd >= 0 && events[i].events & ~(uint32_t)EPOLLOUT) read_client(client);
    }
    answer_due();
    free_dead();
  }
}

int main(int count, char **words) {
  const char *host = "127.0.0.1";
  int port = 0, letter, yes = 1;
  while ((letter = getopt(count, words, "a:p:")) != -1) {
    if (letter == 'a') host = optarg;
    else if (letter == 'p') port = atoi(optarg);
    else return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  prctl(PR_SET_TIMERSLACK, 1);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  socklen_t length = sizeof address;
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1 || bind(listener, (void *)&address, length) || listen(listener, 4096) ||
      getsockname(listener, (void *)&address, &length)) {
    perror(host);
    return 1;
  }
  printf("listening %d\n", ntohs(address.sin_port));
  fflush(stdout);
  poller = epoll_create1(EPOLL_CLOEXEC);
  serve(listener);
}
