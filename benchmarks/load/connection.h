// One keep-alive connection of the load client: opens itself, sends the request, reads the answer, never blocks.
#ifndef TURNOUT_CONNECTION_H
#define TURNOUT_CONNECTION_H
#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>

#include "response.h"

typedef enum { STILL_BUSY, ANSWERED, FAILED_TO_CONNECT, LOST } outcome_t;

typedef struct {
  int fd;                // -1: closed
  bool is_busy, is_connecting, wants_writable;
  int64_t opened_ns, planned_ns, last_event_ns;
  unsigned long events;  // in this answer
  size_t sent;           // bytes of the request
  response_t response;
} connection_t;

typedef struct {
  int epoll;
  const struct addrinfo *address;
  const char *request;
  size_t request_length;
} wire_t;

// Begins a request whose latency counts from `planned_ns`; opens the connection if there is none.
outcome_t connection_begin(connection_t *connection, const wire_t *wire, int64_t planned_ns);

// Goes on after epoll reported `events`. An idle connection that the server closed is closed here too and stays STILL_BUSY: nothing was lost.
outcome_t connection_advance(connection_t *connection, const wire_t *wire, uint32_t events);

void connection_close(connection_t *connection);

#endif
