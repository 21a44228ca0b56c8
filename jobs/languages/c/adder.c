// Lesson: a job in C. It is a WASI command, so the C library is there, and main is where it starts.
// C has no JSON: this reads the one document that it takes, and refuses every other.

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What the host gives, all of it under the import module `ampule`.
#define HOST(name) __attribute__((import_module("ampule"), import_name(name)))
HOST("kwargs_len") size_t kwargs_len(void);
HOST("kwargs_read") void kwargs_read(char *to);
HOST("_return") void return_json(const char *json, size_t len);
HOST("fail") void fail_json(const char *json, size_t len);

static const char *skip_space(const char *at) {
    while (isspace((unsigned char)*at)) at++;
    return at;
}

// What stands after `token`, or NULL if something else stands there.
static const char *skip(const char *at, const char *token) {
    if (at == NULL) return NULL;
    at = skip_space(at);
    size_t len = strlen(token);
    return strncmp(at, token, len) == 0 ? at + len : NULL;
}

// Reads {"testvar": INTEGER}. Nine digits at most, so that no sum below can overflow.
static bool read_testvar(const char *json, long long *testvar) {
    const char *at = skip(skip(skip(json, "{"), "\"testvar\""), ":");
    if (at == NULL) return false;
    at = skip_space(at);
    const char *digits = *at == '-' ? at + 1 : at;
    size_t count = strspn(digits, "0123456789");
    if (count < 1 || count > 9) return false;
    *testvar = strtoll(at, NULL, 10);
    at = skip(digits + count, "}");
    return at != NULL && *skip_space(at) == '\0';
}

// Hands a number out. May be called any number of times, and never ends the job.
static void return_number(long long number) {
    char json[32];
    return_json(json, (size_t)snprintf(json, sizeof json, "%lld", number));
}

int main(void) {
    static const char bad_kwargs[] =
        "{\"type\": \"bad_kwargs\", \"message\": \"expected `testvar`, an integer of at most nine digits\"}";
    size_t len = kwargs_len();
    char *kwargs = calloc(len + 1, 1);
    if (kwargs == NULL) return 1;
    kwargs_read(kwargs);
    long long testvar;
    if (!read_testvar(kwargs, &testvar)) {
        fail_json(bad_kwargs, sizeof bad_kwargs - 1);
        return 1;
    }
    return_number(testvar + 5);
    return_number(testvar + 5 + 5);
    return 0;
}
