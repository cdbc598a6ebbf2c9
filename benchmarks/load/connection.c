// One keep-alive connection of the load client: opens itself, sends the request, reads the answer, never blocks.
#include "connection.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "samples.h"

static outcome_t end(connection_t *connection, outcome_t outcome) {
  connection->is_busy = false;
  if (outcome != ANSWERED || connection->response.closes_connection) connection_close(connection);
  return outcome;
}

void connection_close(connection_t *connection) {
  if (connection->fd >= 0) close(connection->fd);
  connection->fd = -1;
}

static bool open_socket(connection_t *connection, const wire_t *wire) {
  int yes = 1;
  connection->fd = socket(wire->address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (connection->fd < 0) return false;
  setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  connection->opened_ns = monotonic_ns();
  connection->is_connecting = connect(connection->fd, wire->address->ai_addr, wire->address->ai_addrlen) != 0;
  if (connection->is_connecting && errno != EINPROGRESS) return false;
  connection->wants_writable = connection->is_connecting;
  struct epoll_event event = {EPOLLIN | (connection->wants_writable ? EPOLLOUT : 0), {.ptr = connection}};
  return epoll_ctl(wire->epoll, EPOLL_CTL_ADD, connection->fd, &event) == 0;
}

static void watch_writable(connection_t *connection, const wire_t *wire, bool wanted) {
  if (connection->wants_writable == wanted) return;
  connection->wants_writable = wanted;
  struct epoll_event event = {EPOLLIN | (wanted ? EPOLLOUT : 0), {.ptr = connection}};
  epoll_ctl(wire->epoll, EPOLL_CTL_MOD, connection->fd, &event);
}

static outcome_t send_request(connection_t *connection, const wire_t *wire) {
  while (connection->sent < wire->request_length) {
    ssize_t sent = send(connection->fd, wire->request + connection->sent, wire->request_length - connection->sent, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) break;
    if (sent < 0) return end(connection, LOST);
    connection->sent += (size_t)sent;
  }
  watch_writable(connection, wire, connection->sent < wire->request_length);
  return STILL_BUSY;
}

outcome_t connection_begin(connection_t *connection, const wire_t *wire, int64_t planned_ns) {
  connection->is_busy = true;
  connection->planned_ns = connection->last_event_ns = planned_ns;
  connection->events = 0;
  connection->sent = 0;
  response_reset(&connection->response);
  if (connection->fd < 0 && !open_socket(connection, wire)) return end(connection, FAILED_TO_CONNECT);
  return connection->is_connecting ? STILL_BUSY : send_request(connection, wire);
}

static outcome_t read_answer(connection_t *connection, const wire_t *wire) {
  static char chunk[256 << 10];
  ssize_t got = recv(connection->fd, chunk, sizeof chunk, 0);
  if (got < 0 && errno == EAGAIN) return STILL_BUSY;
  if (got <= 0) {
    if (!connection->is_busy) {
      connection_close(connection);
      return STILL_BUSY;
    }
    return end(connection, got == 0 && connection->response.phase == UNTIL_END ? ANSWERED : LOST);
  }
  if (!connection->is_busy) {  // bytes that nobody asked for
    connection_close(connection);
    return STILL_BUSY;
  }
  response_feed(&connection->response, chunk, (size_t)got);
  if (connection->response.phase == BROKEN) return end(connection, LOST);
  if (connection->response.phase != COMPLETE) return STILL_BUSY;
  if (connection->sent < wire->request_length) connection->response.closes_connection = true;  // answered before the end of the request
  return end(connection, ANSWERED);
}

outcome_t connection_advance(connection_t *connection, const wire_t *wire, uint32_t events) {
  if (connection->is_connecting) {
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error) return end(connection, FAILED_TO_CONNECT);
    if (!(events & EPOLLOUT)) return STILL_BUSY;
    connection->is_connecting = false;
  }
  if (events & EPOLLOUT && connection->is_busy) {
    outcome_t outcome = send_request(connection, wire);
    if (outcome != STILL_BUSY) return outcome;
  }
  return events & (EPOLLIN | EPOLLHUP | EPOLLERR) ? read_answer(connection, wire) : STILL_BUSY;
}
