// Times measured during a run: kept in the order they came, summed up as percentiles, printed as JSON.
#include "samples.h"

#include <stdlib.h>
#include <time.h>

int64_t monotonic_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000LL + now.tv_nsec;
}

void samples_add(samples_t *samples, int64_t ns) {
  if (samples->count == samples->capacity) {
    samples->capacity = samples->capacity ? samples->capacity * 2 : 65536;
    samples->tenths = realloc(samples->tenths, samples->capacity * sizeof *samples->tenths);
    if (!samples->tenths) abort();
  }
  uint64_t tenths = ns > 0 ? (uint64_t)ns / 100 : 0;
  samples->tenths[samples->count++] = tenths > UINT32_MAX ? UINT32_MAX : (uint32_t)tenths;
  samples->sum_us += (double)ns / 1e3;
}

void samples_print_raw(FILE *out, const char *name, const samples_t *samples, size_t most) {
  if (!samples->count || !most) return;
  fprintf(out, ",\"%s\":[", name);
  for (size_t i = 0; i < samples->count && i < most; i++) fprintf(out, "%s%.1f", i ? "," : "", samples->tenths[i] / 10.0);
  fputc(']', out);
}

static int ascending(const void *left, const void *right) {
  uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
  return (a > b) - (a < b);
}

static double quantile_us(const samples_t *sorted, double share) {
  return sorted->tenths[(size_t)((double)(sorted->count - 1) * share)] / 10.0;
}

void samples_print_summary(FILE *out, const char *name, samples_t *samples) {
  if (!samples->count) return;
  qsort(samples->tenths, samples->count, sizeof *samples->tenths, ascending);
  fprintf(out, ",\"%s\":{\"n\":%zu,\"mean\":%.1f,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f}", name,
          samples->count, samples->sum_us / (double)samples->count, quantile_us(samples, 0.5), quantile_us(samples, 0.9),
          quantile_us(samples, 0.99), quantile_us(samples, 0.999), quantile_us(samples, 1.0));
}
