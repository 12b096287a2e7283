#include "settings.h"

#include <stdlib.h>
#include <string.h>

/* A cursor over the text. The first problem is kept; after it every function does nothing. */
typedef struct reader {
  const uint8_t* at;
  const uint8_t* end;
  const char* error;
} reader;

static void stop(reader* r, const char* error) {
  if (r->error == NULL) r->error = error;
}

static void skip_space(reader* r) {
  while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r')) {
    ++r->at;
  }
}

/* Takes `c` if it comes next; 1 if it did. */
static int take(reader* r, char c) {
  skip_space(r);
  if (r->error != NULL || r->at == r->end || *r->at != (uint8_t)c) return 0;
  ++r->at;
  return 1;
}

static void expect(reader* r, char c, const char* error) {
  if (!take(r, c)) stop(r, error);
}

static int take_word(reader* r, const char* word) {
  const size_t size = strlen(word);
  skip_space(r);
  if (r->error != NULL || (size_t)(r->end - r->at) < size || memcmp(r->at, word, size) != 0) {
    return 0;
  }
  r->at += size;
  return 1;
}

static uint32_t read_hex4(reader* r) {
  uint32_t value = 0;
  int n;
  for (n = 0; n < 4; ++n) {
    const uint8_t c = r->at < r->end ? *r->at : 0;
    uint32_t digit;
    if (c >= '0' && c <= '9') {
      digit = (uint32_t)(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = (uint32_t)(c - 'a') + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = (uint32_t)(c - 'A') + 10;
    } else {
      stop(r, "a \\u escape is not four hex digits");
      return 0;
    }
    value = value * 16 + digit;
    ++r->at;
  }
  return value;
}

/* The code point of a \u escape, whose "\u" has been taken; joins a surrogate pair. */
static uint32_t read_unicode_escape(reader* r) {
  const uint32_t first = read_hex4(r);
  uint32_t second;
  if (first < 0xd800 || first > 0xdfff) return first;
  if (first > 0xdbff || (size_t)(r->end - r->at) < 2 || r->at[0] != '\\' || r->at[1] != 'u') {
    stop(r, "a surrogate stands alone");
    return 0;
  }
  r->at += 2;
  second = read_hex4(r);
  if (second < 0xdc00 || second > 0xdfff) stop(r, "a surrogate stands alone");
  return 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
}

static size_t put_utf8(uint32_t code, char out[4]) {
  if (code < 0x80) {
    out[0] = (char)code;
    return 1;
  }
  if (code < 0x800) {
    out[0] = (char)(0xc0 | (code >> 6));
    out[1] = (char)(0x80 | (code & 0x3f));
    return 2;
  }
  if (code < 0x10000) {
    out[0] = (char)(0xe0 | (code >> 12));
    out[1] = (char)(0x80 | ((code >> 6) & 0x3f));
    out[2] = (char)(0x80 | (code & 0x3f));
    return 3;
  }
  out[0] = (char)(0xf0 | (code >> 18));
  out[1] = (char)(0x80 | ((code >> 12) & 0x3f));
  out[2] = (char)(0x80 | ((code >> 6) & 0x3f));
  out[3] = (char)(0x80 | (code & 0x3f));
  return 4;
}

static uint32_t read_escape(reader* r) {
  const uint8_t c = r->at < r->end ? *r->at++ : 0;
  switch (c) {
    case '"':
    case '\\':
    case '/':
      return c;
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'u':
      return read_unicode_escape(r);
    default:
      stop(r, "unknown escape");
      return 0;
  }
}

/* Reads a string into out[SETTINGS_MAX_LENGTH + 1], NUL-ended. */
static void read_string(reader* r, char* out) {
  size_t size = 0;
  out[0] = '\0';
  expect(r, '"', "a string is missing");
  while (r->error == NULL) {
    char piece[4];
    size_t n = 1;
    uint8_t c;
    if (r->at == r->end) {
      stop(r, "a string has no end");
      return;
    }
    c = *r->at++;
    if (c == '"') break;
    if (c < 0x20) {
      stop(r, "a string holds a control character");
      return;
    }
    piece[0] = (char)c;
    if (c == '\\') {
      const uint32_t code = read_escape(r);
      if (code == 0) stop(r, "a string holds a NUL");
      n = put_utf8(code, piece);
    }
    if (size + n > SETTINGS_MAX_LENGTH) {
      stop(r, "a string is too long");
      return;
    }
    memcpy(out + size, piece, n);
    size += n;
  }
  out[size] = '\0';
}

static void read_selectors(reader* r, settings* s) {
  char text[SETTINGS_MAX_LENGTH + 1];
  expect(r, '[', "selectors is not a list");
  if (take(r, ']')) return;
  do {
    char* copy;
    read_string(r, text);
    if (r->error != NULL) return;
    if (text[0] == '\0') stop(r, "a selector is empty");
    if (s->count == SETTINGS_MAX_SELECTORS) stop(r, "there are too many selectors");
    if (r->error != NULL) return;
    copy = malloc(strlen(text) + 1);
    if (copy == NULL) {
      stop(r, "out of memory");
      return;
    }
    memcpy(copy, text, strlen(text) + 1);
    s->selectors[s->count++] = copy;
  } while (take(r, ','));
  expect(r, ']', "a list has no end");
}

static void read_member(reader* r, settings* s) {
  char name[SETTINGS_MAX_LENGTH + 1];
  read_string(r, name);
  expect(r, ':', "a name has no value");
  if (r->error != NULL) return;
  if (strcmp(name, "selectors") == 0) {
    if (s->count != 0) stop(r, "selectors is given twice");
    read_selectors(r, s);
  } else if (strcmp(name, "uid") == 0) {
    if (take_word(r, "true")) {
      s->uid = 1;
    } else if (take_word(r, "false")) {
      s->uid = 0;
    } else {
      stop(r, "uid is neither true nor false");
    }
  } else {
    stop(r, "unknown setting");
  }
}

settings* settings_parse(const uint8_t* json, size_t size, const char** error) {
  reader r;
  settings* s = calloc(1, sizeof(*s));
  if (s == NULL) {
    *error = "out of memory";
    return NULL;
  }
  s->references = 1;
  s->uid = 1;
  r.at = json;
  r.end = size == 0 ? json : json + size; /* no arithmetic on NULL */
  r.error = NULL;
  expect(&r, '{', "the settings are not an object");
  if (!take(&r, '}')) {
    do {
      read_member(&r, s);
    } while (take(&r, ','));
    expect(&r, '}', "the settings have no end");
  }
  skip_space(&r);
  if (r.at != r.end) stop(&r, "something follows the settings");
  if (r.error == NULL) return s;
  *error = r.error;
  settings_free(s);
  return NULL;
}

void settings_free(settings* s) {
  size_t n;
  if (s == NULL) return;
  for (n = 0; n < s->count; ++n) free(s->selectors[n]);
  free(s);
}
