// Reads one HTTP/1.1 response from bytes as they come: head, body by length, by chunks or until the end, events of an event stream.
#define _GNU_SOURCE
#include "response.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const size_t LARGEST_HEAD = 64 << 10;
static const size_t LARGEST_BODY = 256 << 20;

void buffer_append(buffer_t *buffer, const char *bytes, size_t length) {
  if (buffer->length + length > buffer->capacity) {
    buffer->capacity = (buffer->length + length) * 2;
    buffer->bytes = realloc(buffer->bytes, buffer->capacity);
    if (!buffer->bytes) abort();
  }
  if (length) memcpy(buffer->bytes + buffer->length, bytes, length);
  buffer->length += length;
}

void response_reset(response_t *response) {
  response->phase = IN_HEAD;
  response->status = 0;
  response->is_event_stream = response->closes_connection = false;
  response->left = response->scanned = response->unread.length = response->body.length = 0;
}

static void read_header_line(response_t *response, const char *line, size_t length) {
  if (length > 15 && !strncasecmp(line, "content-length:", 15)) {
    response->phase = BY_LENGTH;
    response->left = strtoul(line + 15, NULL, 10);
  } else if (length > 18 && !strncasecmp(line, "transfer-encoding:", 18)) {
    response->phase = CHUNK_SIZE;
  } else if (length > 13 && !strncasecmp(line, "content-type:", 13)) {
    response->is_event_stream = memmem(line, length, "text/event-stream", 17) != NULL;
  } else if (length > 11 && !strncasecmp(line, "connection:", 11)) {
    response->closes_connection = memmem(line, length, "close", 5) != NULL;
  }
}

// Returns the bytes that the head took, or 0 if it isn't whole yet.
static size_t read_head(response_t *response, const char *bytes, size_t length) {
  const char *blank = memmem(bytes, length, "\r\n\r\n", 4);
  if (!blank) {
    if (length > LARGEST_HEAD) response->phase = BROKEN;
    return 0;
  }
  if (length < 12 || memcmp(bytes, "HTTP/1.", 7)) {
    response->phase = BROKEN;
    return 0;
  }
  response->status = atoi(bytes + 9);
  response->phase = UNTIL_END;
  const char *line = memchr(bytes, '\n', (size_t)(blank - bytes));
  while (line) {
    line++;
    const char *end = memchr(line, '\r', (size_t)(blank + 2 - line));
    read_header_line(response, line, (size_t)(end - line));
    line = memchr(line, '\n', (size_t)(blank - line));
  }
  if (response->phase == UNTIL_END) response->closes_connection = true;
  if (response->phase == BY_LENGTH && !response->left) response->phase = COMPLETE;
  return (size_t)(blank + 4 - bytes);
}

// Returns the bytes taken; 0 if a line isn't whole yet.
static size_t read_chunk_line(response_t *response, const char *bytes, size_t length) {
  const char *end = memchr(bytes, '\n', length);
  if (!end) return 0;
  if (response->phase == CHUNK_SIZE) {
    response->left = strtoul(bytes, NULL, 16);
    response->phase = response->left ? CHUNK_BYTES : IN_TRAILER;
  } else if (response->phase == CHUNK_END) {
    response->phase = CHUNK_SIZE;
  } else if (end - bytes <= 1) {
    response->phase = COMPLETE;
  }
  return (size_t)(end + 1 - bytes);
}

static size_t read_body(response_t *response, const char *bytes, size_t length) {
  size_t taken = response->phase == UNTIL_END || length < response->left ? length : response->left;
  if (response->body.length + taken > LARGEST_BODY) {
    response->phase = BROKEN;
    return 0;
  }
  buffer_append(&response->body, bytes, taken);
  if (response->phase == UNTIL_END) return taken;
  response->left -= taken;
  if (!response->left) response->phase = response->phase == BY_LENGTH ? COMPLETE : CHUNK_END;
  return taken;
}

static size_t read_some(response_t *response, const char *bytes, size_t length) {
  switch (response->phase) {
    case IN_HEAD: return read_head(response, bytes, length);
    case BY_LENGTH:
    case UNTIL_END:
    case CHUNK_BYTES: return read_body(response, bytes, length);
    case CHUNK_SIZE:
    case CHUNK_END:
    case IN_TRAILER: return read_chunk_line(response, bytes, length);
    default: return 0;
  }
}

void response_feed(response_t *response, const char *bytes, size_t length) {
  buffer_append(&response->unread, bytes, length);
  size_t read = 0;
  while (read < response->unread.length && response->phase != COMPLETE && response->phase != BROKEN) {
    size_t taken = read_some(response, response->unread.bytes + read, response->unread.length - read);
    if (!taken) break;
    read += taken;
  }
  response->unread.length -= read;
  memmove(response->unread.bytes, response->unread.bytes + read, response->unread.length);
}

const char *response_next_event(response_t *response, size_t *length) {
  while (response->scanned < response->body.length) {
    const char *line = response->body.bytes + response->scanned;
    const char *end = memchr(line, '\n', response->body.length - response->scanned);
    if (!end) return NULL;
    response->scanned = (size_t)(end + 1 - response->body.bytes);
    if (end - line < 6 || memcmp(line, "data:", 5)) continue;
    line += line[5] == ' ' ? 6 : 5;
    if (end - line >= 6 && !memcmp(line, "[DONE]", 6)) continue;
    *length = (size_t)(end - line);
    return line;
  }
  return NULL;
}
