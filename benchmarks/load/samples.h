// Times measured during a run: kept in the order they came, summed up as percentiles, printed as JSON.
#ifndef TURNOUT_SAMPLES_H
#define TURNOUT_SAMPLES_H
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

// Times in tenths of a microsecond; a time over seven minutes is kept as seven minutes.
typedef struct {
  uint32_t *tenths;
  size_t count, capacity;
  double sum_us;
} samples_t;

int64_t monotonic_ns(void);

void samples_add(samples_t *samples, int64_t ns);

// Prints `,"NAME":[...]` with at most `most` times in microseconds, in the order they came; nothing if there are none or none are wanted.
void samples_print_raw(FILE *out, const char *name, const samples_t *samples, size_t most);

// Prints `,"NAME":{"n":..,"mean":..,"p50":..,...}` in microseconds; nothing if there are none. Sorts the samples.
void samples_print_summary(FILE *out, const char *name, samples_t *samples);

#endif
