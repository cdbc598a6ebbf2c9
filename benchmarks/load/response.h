// Reads one HTTP/1.1 response from bytes as they come: head, body by length, by chunks or until the end, events of an event stream.
#ifndef TURNOUT_RESPONSE_H
#define TURNOUT_RESPONSE_H
#include <stdbool.h>
#include <stddef.h>

typedef struct {
  char *bytes;
  size_t length, capacity;
} buffer_t;

void buffer_append(buffer_t *buffer, const char *bytes, size_t length);

typedef enum { IN_HEAD, BY_LENGTH, UNTIL_END, CHUNK_SIZE, CHUNK_BYTES, CHUNK_END, IN_TRAILER, COMPLETE, BROKEN } phase_t;

typedef struct {
  phase_t phase;
  int status;
  bool is_event_stream, closes_connection;
  size_t left;       // bytes missing from the body or from this chunk
  size_t scanned;    // bytes of the body in which events were looked for
  buffer_t unread;   // bytes that came and were not understood yet
  buffer_t body;
} response_t;

// Makes ready for the next response and keeps the memory.
void response_reset(response_t *response);

// Takes `length` more bytes; look at `phase` afterwards.
void response_feed(response_t *response, const char *bytes, size_t length);

// The next `data:` line that is complete and not `[DONE]`, or NULL; its length goes to `length`.
const char *response_next_event(response_t *response, size_t *length);

#endif
