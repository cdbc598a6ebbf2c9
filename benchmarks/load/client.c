// Load client: sends one HTTP request over and over, closed loop or open loop, and prints one JSON object. One thread, no TLS.
//   client -p PORT -b FILE [-a HOST] [-P PATH] [-c CONNECTIONS] [-d SECONDS | -n REQUESTS] [-R RATE] [-H 'k: v']... [-e TEXT] [-t SECONDS] [-s N]
// Closed loop: every connection sends its next request when its last answer has ended. Open loop (-R): request k is due k/RATE seconds after the
// start whatever the answers do, waits for a free connection if all -c are busy, and its latency counts from the moment it was due.
// SIGTERM ends the sending early: what was sent is waited for, at most -t seconds, and reported.
#define _GNU_SOURCE
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "connection.h"
#include "samples.h"

static const int64_t SECOND = 1000000000LL;
static const int64_t REFUSED_PAUSE = 10000000LL;  // a refused connection would otherwise be retried as fast as the machine can
static const int64_t LATE = 1000000LL;
enum { MOST_BODY = 8 << 20, MOST_CONNECTIONS = 10000, MOST_FAILURES = 1000, EVENTS_AT_ONCE = 256 };

typedef struct {
  const char *host, *port, *path, *body_file, *expected;
  char headers[8192];
  int connections;
  double duration_s, rate, give_up_s;
  unsigned long requests, raw_samples;
} options_t;

typedef struct {
  const char *kind;
  int status;
  int64_t opened_ns, planned_ns, failed_ns;
} failure_t;

static options_t options = {.host = "127.0.0.1", .path = "/v1/chat/completions", .connections = 1, .duration_s = 3, .give_up_s = 10};
static wire_t wire;
static connection_t *connections;
static connection_t **idle;
static int idle_count;
static int64_t started_ns, last_send_ns, paused_until_ns;
static unsigned long begun, ok, bad_status, bad_body, lost, refused, reconnects, streams, events_seen, late;
static int last_bad_status;
static samples_t latency, first_event, event_gap, transit;
static failure_t failures[MOST_FAILURES];
static unsigned long failure_count;
static volatile sig_atomic_t told_to_stop;

static void note_failure(const connection_t *connection, const char *kind, int status, int64_t now) {
  if (failure_count < MOST_FAILURES)
    failures[failure_count] = (failure_t){kind, status, connection->opened_ns, connection->planned_ns, now};
  failure_count++;
}

static void read_events(connection_t *connection, int64_t now) {
  const char *event;
  size_t length;
  while ((event = response_next_event(&connection->response, &length))) {
    events_seen++;
    samples_add(connection->events++ ? &event_gap : &first_event, now - connection->last_event_ns);
    connection->last_event_ns = now;
    const char *stamp = memmem(event, length, "@T", 2);
    if (stamp) samples_add(&transit, now - strtoll(stamp + 2, NULL, 10));
  }
}

static void judge_answer(connection_t *connection, int64_t now) {
  const response_t *response = &connection->response;
  if (response->status != 200) {
    bad_status++;
    last_bad_status = response->status;
    note_failure(connection, "status", response->status, now);
  } else if (options.expected && !memmem(response->body.bytes, response->body.length, options.expected, strlen(options.expected))) {
    bad_body++;
    note_failure(connection, "body", 200, now);
  } else {
    ok++;
    streams += response->is_event_stream;
    samples_add(&latency, now - connection->planned_ns);
  }
}

static void handle_outcome(connection_t *connection, outcome_t outcome, int64_t now) {
  if (outcome == STILL_BUSY) return;
  if (outcome == ANSWERED) {
    judge_answer(connection, now);
    reconnects += connection->fd < 0;
  } else if (outcome == LOST) {
    lost++;
    note_failure(connection, "lost", connection->response.status, now);
  } else {
    refused++;
    note_failure(connection, "refused", 0, now);
    paused_until_ns = now + REFUSED_PAUSE;
  }
  idle[idle_count++] = connection;
}

static int64_t due_ns(unsigned long request) {
  return options.rate > 0 ? started_ns + (int64_t)((double)request * 1e9 / options.rate) : started_ns;
}

static bool all_begun(int64_t now) {
  if (told_to_stop) return true;
  if (options.requests) return begun >= options.requests;
  return options.rate > 0 ? due_ns(begun) >= last_send_ns : now >= last_send_ns;
}

static void begin_due(void) {
  for (;;) {
    int64_t now = monotonic_ns();
    if (!idle_count || now < paused_until_ns || all_begun(now) || due_ns(begun) > now) return;
    connection_t *connection = idle[--idle_count];
    int64_t planned = options.rate > 0 ? due_ns(begun) : now;
    late += now - planned > LATE;
    begun++;
    handle_outcome(connection, connection_begin(connection, &wire, planned), monotonic_ns());
  }
}

// Sets the alarm for the next planned request, or for giving up when there is nothing to send before an answer comes.
static void set_alarm(int timer, int64_t give_up_ns, int64_t now) {
  static int64_t set_ns;
  int64_t wake = give_up_ns;
  if (idle_count && !all_begun(now)) {
    int64_t due = due_ns(begun) > paused_until_ns ? due_ns(begun) : paused_until_ns;
    if (due < wake) wake = due;
  }
  if (wake == set_ns && set_ns > now) return;
  set_ns = wake;
  struct itimerspec alarm = {.it_value = {wake / SECOND, wake % SECOND}};
  timerfd_settime(timer, TFD_TIMER_ABSTIME, &alarm, NULL);
}

static void advance(connection_t *connection, uint32_t events) {
  bool was_busy = connection->is_busy;
  outcome_t outcome = connection_advance(connection, &wire, events);
  if (!was_busy) return;
  int64_t now = monotonic_ns();
  if (connection->response.is_event_stream) read_events(connection, now);
  handle_outcome(connection, outcome, now);
  begin_due();
}

static void stop_sending(int number) {
  (void)number;
  told_to_stop = 1;
}

static void run(void) {
  struct epoll_event events[EVENTS_AT_ONCE];
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  struct epoll_event on_timer = {EPOLLIN, {.ptr = NULL}};
  epoll_ctl(wire.epoll, EPOLL_CTL_ADD, timer, &on_timer);
  started_ns = monotonic_ns();
  last_send_ns = started_ns + (int64_t)(options.duration_s * (double)SECOND);
  int64_t give_up_ns = (options.requests ? started_ns : last_send_ns) + (int64_t)(options.give_up_s * (double)SECOND);
  bool is_stopping = false;
  begin_due();
  for (int64_t now = started_ns; now < give_up_ns; now = monotonic_ns()) {
    if (idle_count == options.connections && all_begun(now)) break;
    if (told_to_stop && !is_stopping) give_up_ns = now + (int64_t)(options.give_up_s * (double)SECOND);
    is_stopping = told_to_stop;
    set_alarm(timer, give_up_ns, now);
    int ready = epoll_wait(wire.epoll, events, EVENTS_AT_ONCE, -1);
    for (int i = 0; i < ready; i++) {
      connection_t *connection = events[i].data.ptr;
      if (connection && connection->fd >= 0) advance(connection, events[i].events);
    }
    begin_due();
  }
}

static void print_failures(void) {
  printf(",\"failures\":[");
  for (unsigned long i = 0; i < failure_count && i < MOST_FAILURES; i++)
    printf("%s{\"kind\":\"%s\",\"status\":%d,\"opened_ns\":%lld,\"planned_ns\":%lld,\"failed_ns\":%lld}", i ? "," : "", failures[i].kind,
           failures[i].status, (long long)failures[i].opened_ns, (long long)failures[i].planned_ns, (long long)failures[i].failed_ns);
  printf("]");
}

static void report(void) {
  int64_t now = monotonic_ns();
  double elapsed_s = (double)(now - started_ns) / 1e9;
  unsigned long stuck = 0;
  for (int i = 0; i < options.connections; i++) {
    if (!connections[i].is_busy) continue;
    stuck++;
    note_failure(&connections[i], "stuck", 0, now);
  }
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  double cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  printf("{\"client\":\"c\",\"connections\":%d,\"elapsed_s\":%.4f,\"sent\":%lu,\"ok\":%lu,\"rps\":%.2f", options.connections, elapsed_s,
         begun, ok, (double)ok / elapsed_s);
  printf(",\"bad_status\":%lu,\"last_bad_status\":%d,\"bad_body\":%lu,\"lost\":%lu,\"refused\":%lu,\"stuck\":%lu,\"reconnects\":%lu",
         bad_status, last_bad_status, bad_body, lost, refused, stuck, reconnects);
  printf(",\"late\":%lu,\"streams\":%lu,\"events\":%lu,\"events_per_s\":%.1f,\"own_cpu_s\":%.3f", late, streams, events_seen,
         (double)events_seen / elapsed_s, cpu_s);
  print_failures();
  samples_print_raw(stdout, "latency_samples_us", &latency, options.raw_samples);
  samples_print_raw(stdout, "ttft_samples_us", &first_event, options.raw_samples);
  samples_print_summary(stdout, "latency", &latency);
  samples_print_summary(stdout, "ttft", &first_event);
  samples_print_summary(stdout, "gap", &event_gap);
  samples_print_summary(stdout, "transit", &transit);
  printf("}\n");
}

static void add_header(const char *line) {
  size_t used = strlen(options.headers);
  if (used + strlen(line) + 3 > sizeof options.headers) {
    fprintf(stderr, "headers over %zu bytes\n", sizeof options.headers);
    exit(2);
  }
  sprintf(options.headers + used, "%s\r\n", line);
}

static void read_options(int count, char **words) {
  int letter;
  while ((letter = getopt(count, words, "a:p:P:b:c:d:n:R:H:e:t:s:")) != -1) switch (letter) {
    case 'a': options.host = optarg; break;
    case 'p': options.port = optarg; break;
    case 'P': options.path = optarg; break;
    case 'b': options.body_file = optarg; break;
    case 'c': options.connections = atoi(optarg); break;
    case 'd': options.duration_s = atof(optarg); break;
    case 'n': options.requests = strtoul(optarg, NULL, 10); break;
    case 'R': options.rate = atof(optarg); break;
    case 'H': add_header(optarg); break;
    case 'e': options.expected = optarg; break;
    case 't': options.give_up_s = atof(optarg); break;
    case 's': options.raw_samples = strtoul(optarg, NULL, 10); break;
    default: exit(2);
  }
  if (!options.port || !options.body_file || options.connections < 1 || options.connections > MOST_CONNECTIONS) {
    fprintf(stderr, "-p PORT and -b FILE are needed; -c is 1 to %d\n", MOST_CONNECTIONS);
    exit(2);
  }
}

static void build_request(void) {
  static char body[MOST_BODY + 1];
  FILE *file = fopen(options.body_file, "rb");
  if (!file) {
    perror(options.body_file);
    exit(2);
  }
  size_t length = fread(body, 1, sizeof body, file);
  fclose(file);
  char *head = NULL;
  const char *host_line = strchr(options.host, ':') ? "Host: [%s]:%s" : "Host: %s:%s";
  char host[512];
  snprintf(host, sizeof host, host_line, options.host, options.port);
  int head_length = asprintf(&head, "POST %s HTTP/1.1\r\n%s\r\nContent-Type: application/json\r\n%sContent-Length: %zu\r\n\r\n",
                             options.path, host, options.headers, length);
  if (length > MOST_BODY || head_length < 0) {
    fprintf(stderr, "%s is over %d bytes\n", options.body_file, MOST_BODY);
    exit(2);
  }
  buffer_t request = {0};
  buffer_append(&request, head, (size_t)head_length);
  buffer_append(&request, body, length);
  wire.request = request.bytes;
  wire.request_length = request.length;
}

int main(int count, char **words) {
  read_options(count, words);
  build_request();
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *address;
  int failed = getaddrinfo(options.host, options.port, &hints, &address);
  if (failed) {
    fprintf(stderr, "%s: %s\n", options.host, gai_strerror(failed));
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  signal(SIGTERM, stop_sending);
  prctl(PR_SET_TIMERSLACK, 1);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  wire.address = address;
  wire.epoll = epoll_create1(EPOLL_CLOEXEC);
  connections = calloc((size_t)options.connections, sizeof *connections);
  idle = calloc((size_t)options.connections, sizeof *idle);
  for (int i = 0; i < options.connections; i++) {
    connections[i].fd = -1;
    idle[idle_count++] = &connections[options.connections - 1 - i];
  }
  run();
  report();
  return 0;
}
