/* cli/secret_name: which names of values are probably secret. */
#include "cli/secret_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void names_of_secrets_are_known(void **state)
{
    static const char *const names[] = {
        "PASSWORD",     "password",    "PGPASSWORD",     "DB_PASSWORD_2",         "MYSQL_PWD",
        "db_pass",      "ROOT_PASSWD", "SSH_PASSPHRASE", "CLIENT_SECRET",         "secrets",
        "GITHUB_TOKEN", "token",       "NPMTOKEN",       "AWS_SECRET_ACCESS_KEY", "API_KEY",
        "apiKey",       "X-Auth-Key",  "CREDENTIALS",    "PRIVATE_KEY",           "Token2"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!secret_name(names[i])) fail_msg("%s", names[i]);
}

static void other_names_are_not(void **state)
{
    static const char *const names[] = {
        "",        "PATH",     "PWD",       "OLDPWD",
        "KEY",     "MONKEY",   "KEYBOARD",  "TOKENIZERS_PARALLELISM",
        "COMPASS", "BYPASSED", "PASSENGER", "PRIMARY_KEY",
        "SECRE",   "KEY_PATH", "HOME",      "1"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (secret_name(names[i])) fail_msg("%s", names[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_secrets_are_known),
        cmocka_unit_test(other_names_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
