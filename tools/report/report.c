/* The report: the page of tools/report/ with the facts of builds in it. Facts are data to a browser: they
 * stand in a script of a type that does not run, no `<` in them can end it, and the page's policy lets no
 * script run but its own, known by its hash. */
#include "tools/report/report.h"

#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "base/json.h"
#include "base/sha256.h"
#include "tools/cli/output.h"
#include "tools/report/page.h"

/* JSON has `<` inside strings only, where it can be written as an escape. */
static void put_json(FILE *f, const char *json) {
  for (const char *p = json; *p; p++)
    if (*p == '<')
      fputs("\\u003c", f);
    else
      fputc(*p, f);
}

static void put_label(Arena *a, FILE *f, const char *text) {
  TextStream json;
  arena_text_open(&json);
  json_put_string(json.f, text);
  put_json(f, arena_text_close(a, &json));
}

static void put_facts(Arena *a, FILE *f, const ReportBuild *build, int n) {
  for (int i = 0; i < n; i++) {
    fputs(i ? ",\n{\"label\":" : "[{\"label\":", f);
    put_label(a, f, build[i].label);
    fputs(",\"seconds\":", f);
    json_put_number(f, build[i].seconds);
    fputs(",\"facts\":", f);
    put_json(f, build[i].facts);
    fputc('}', f);
  }
  fputc(']', f);
}

static unsigned hex_digit(char c) {
  return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

/* The SHA-256 of the page's script in base 64, as a content security policy wants it. */
static void put_hash(FILE *f) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  char hex[65];
  Sha256 h;
  sha256_start(&h);
  sha256_add(&h, report_js, strlen(report_js));
  sha256_finish(&h, hex);
  for (int i = 0; i < 66; i += 3) { /* 12 bits to 2 digits; the last 8 are filled up with zeros */
    unsigned bits = 0;
    for (int k = i; k < i + 3; k++) bits = bits << 4 | (k < 64 ? hex_digit(hex[k]) : 0);
    fputc(digits[bits >> 6], f);
    if (i < 63) fputc(digits[bits & 63], f);
  }
  fputc('=', f);
}

static void put_part(Arena *a, FILE *f, const char *name, size_t len, const ReportBuild *build, int n) {
  if (strncmp(name, "HASH", len) == 0)
    put_hash(f);
  else if (strncmp(name, "CSS", len) == 0)
    fputs(report_css, f);
  else if (strncmp(name, "JS", len) == 0)
    fputs(report_js, f);
  else if (strncmp(name, "FACTS", len) == 0)
    put_facts(a, f, build, n);
  else
    ice("the page has no part %.*s", (int)len, name);
}

static void put_page(Arena *a, FILE *f, const ReportBuild *build, int n) {
  const char *from = report_html, *open, *close;
  while ((open = strstr(from, "{{")) && (close = strstr(open, "}}"))) {
    fwrite(from, 1, (size_t)(open - from), f);
    put_part(a, f, open + 2, (size_t)(close - open - 2), build, n);
    from = close + 2;
  }
  fputs(from, f);
}

bool report_write(Arena *a, const char *path, const ReportBuild *build, int n) {
  Output page;
  if (!output_open(path, &page)) return false;
  put_page(a, page.f, build, n);
  return output_close(&page);
}
