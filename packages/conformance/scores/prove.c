/*
 * Computes the score functions of scores.h for all 2^32 inputs: their worst errors, whether they are monotonic, and the
 * SHA-256 of the results. Started by scripts/prove-scores.sh; prints JSON.
 *
 * Errors are found with the C library's double functions, which leave at most MARGIN of a float32's unit in doubt. MPFR
 * computes whatever could be the worst, and a sample that checks MARGIN.
 */
#include <math.h>
#include <mpfr.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scores.h"

enum { FUNCTIONS = 3, CHUNKS = 256, CHUNK = 1 << 24, SLICE = 1 << 16, SAMPLE = 8191, HASH = 32 };
static const double MARGIN = 0x1p-25;
static const double LIMIT = 0.53;
/* Where the search for the worst error starts: rounding alone comes close to 0.5. */
static const double FLOOR = 0.49;
static const char *const NAMES[FUNCTIONS] = {"exp", "sigmoid", "sqrtsoftplus"};

typedef struct {
  double error;
  uint32_t input;
} worst_case;

static float to_float(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* exp is that of min(x, 0): all that softmax needs. */
static uint32_t compute(int function, uint32_t bits) {
  if (function == 1) return score_sigmoid(bits);
  if (function == 2) return score_sqrtsoftplus(bits);
  const score_power e = score_exp_neg(bits >> 31 ? bits & 0x7FFFFFFFu : 0);
  return score_round32(e.m, (int32_t)e.n, 0);
}

/* The true values but for a few units of a double's last place. */
static void approximate(double x, double values[FUNCTIONS]) {
  const double t = exp(-fabs(x));
  values[0] = x < 0 ? t : 1;
  values[1] = x < 0 ? t / (1 + t) : 1 / (1 + t);
  values[2] = sqrt(x < 0 ? log1p(t) : x + log1p(t));
}

/* A unit in the last place of float32 near a value; the smaller one where the binade is in doubt. */
static double unit(double value) {
  const int exponent = value < 0x1p-126 ? -126 : ilogb(value * (1 - 0x1p-48));
  return ldexp(1, exponent - 23);
}

static double exact_error(int function, double x, uint32_t result, double near) {
  mpfr_t y, t;
  mpfr_inits2(160, y, t, (mpfr_ptr)0);
  mpfr_set_d(y, function == 0 && x > 0 ? 0 : function == 1 ? -x : x, MPFR_RNDN);
  mpfr_exp(t, y, MPFR_RNDN);
  if (function == 0) mpfr_set(y, t, MPFR_RNDN);
  if (function == 1) mpfr_add_ui(y, t, 1, MPFR_RNDN), mpfr_ui_div(y, 1, y, MPFR_RNDN);
  if (function == 2) {
    if (x > 200) mpfr_set_d(y, x, MPFR_RNDN); /* exp(-x) is beyond 160 bits */
    else mpfr_log1p(y, t, MPFR_RNDN);
    mpfr_sqrt(y, y, MPFR_RNDN);
  }
  mpfr_sub_d(y, y, to_float(result), MPFR_RNDN);
  const double error = fabs(mpfr_get_d(y, MPFR_RNDN)) / unit(near);
  mpfr_clears(y, t, (mpfr_ptr)0);
  return error;
}

static void check_error(int function, uint32_t input, double x, uint32_t result, double near, worst_case *worst) {
  const double error = fabs(to_float(result) - near) / unit(near);
  const int sampled = input % SAMPLE == 0;
  if (error + MARGIN < worst->error && !sampled) return;
  const double exact = exact_error(function, x, result, near);
  if (fabs(exact - error) > MARGIN) {
    fprintf(stderr, "%s of %08x: %.12g ulp, not %.12g\n", NAMES[function], input, exact, error);
    exit(1);
  }
  if (exact > worst->error) *worst = (worst_case){exact, input};
}

/* A slice of inputs; the results before it tell whether it goes on rising (falling, among negative inputs). */
static void check_slice(uint32_t first, uint32_t *results[FUNCTIONS], worst_case worst[FUNCTIONS]) {
  uint32_t before[FUNCTIONS];
  for (int f = 0; f < FUNCTIONS; f++) before[f] = compute(f, score_clean(first & 0x7FFFFFFFu ? first - 1 : 0));
  for (uint32_t i = 0; i < SLICE; i++) {
    const uint32_t input = first + i, bits = score_clean(input);
    const double x = to_float(bits);
    double values[FUNCTIONS];
    approximate(x, values);
    for (int f = 0; f < FUNCTIONS; f++) {
      const uint32_t result = compute(f, bits);
      results[f][input % CHUNK] = result;
      check_error(f, input, x, result, values[f], &worst[f]);
      if (bits == input && (bits >> 31 ? result > before[f] : result < before[f])) {
        fprintf(stderr, "%s is not monotonic at %08x\n", NAMES[f], input);
        exit(1);
      }
      before[f] = result;
    }
  }
}

static void check_chunk(uint32_t chunk, uint32_t *results[FUNCTIONS], worst_case worst[FUNCTIONS]) {
#pragma omp parallel for schedule(dynamic)
  for (uint32_t slice = 0; slice < CHUNK / SLICE; slice++) {
    worst_case found[FUNCTIONS];
#pragma omp critical
    memcpy(found, worst, sizeof found);
    check_slice(chunk * CHUNK + slice * SLICE, results, found);
#pragma omp critical
    for (int f = 0; f < FUNCTIONS; f++) {
      if (found[f].error > worst[f].error) worst[f] = found[f];
    }
    mpfr_free_cache();
  }
}

static void print_hash(const unsigned char *hash, const char *after) {
  putchar('"');
  for (int i = 0; i < HASH; i++) printf("%02x", hash[i]);
  printf("\"%s\n", after);
}

static void print_function(int f, worst_case worst, EVP_MD_CTX *all, unsigned char chunks[CHUNKS][HASH]) {
  unsigned char hash[HASH];
  EVP_DigestFinal_ex(all, hash, NULL);
  printf("  \"%s\": {\n    \"worstUlp\": %.6f,\n    \"worstInput\": \"%08x\",\n    \"sha256\": ", NAMES[f], worst.error, worst.input);
  print_hash(hash, ",");
  puts("    \"chunks\": [");
  for (int i = 0; i < CHUNKS; i++) printf("      "), print_hash(chunks[i], i < CHUNKS - 1 ? "," : "");
  printf("    ]\n  }%s\n", f < FUNCTIONS - 1 ? "," : "");
}

int main(void) {
  static unsigned char hashes[FUNCTIONS][CHUNKS][HASH];
  uint32_t *results[FUNCTIONS];
  EVP_MD_CTX *all[FUNCTIONS];
  worst_case worst[FUNCTIONS];
  for (int f = 0; f < FUNCTIONS; f++) {
    worst[f] = (worst_case){FLOOR, 0};
    results[f] = malloc(sizeof(uint32_t) * CHUNK);
    EVP_DigestInit_ex(all[f] = EVP_MD_CTX_new(), EVP_sha256(), NULL);
  }
  for (uint32_t chunk = 0; chunk < CHUNKS; chunk++) {
    check_chunk(chunk, results, worst);
#pragma omp parallel for
    for (int f = 0; f < FUNCTIONS; f++) {
      EVP_DigestUpdate(all[f], results[f], sizeof(uint32_t) * CHUNK);
      EVP_Digest(results[f], sizeof(uint32_t) * CHUNK, hashes[f][chunk], NULL, EVP_sha256(), NULL);
    }
    fprintf(stderr, "\r%u of %u", chunk + 1, CHUNKS);
  }
  puts("{");
  for (int f = 0; f < FUNCTIONS; f++) print_function(f, worst[f], all[f], hashes[f]);
  puts("}");
  for (int f = 0; f < FUNCTIONS; f++) {
    if (worst[f].error > LIMIT) return 1;
  }
  return 0;
}
