/* One transfer with a handle of its own. */
#include "notify/transfer.h"

#include "base/buf.h"
#include "base/escape.h"
#include "base/mem.h"
#include "base/str.h"
#include "notify/mail.h"
#include "platform/os.h"
#include "platform/text_file.h"

#include "cadre_version.h"

#include <curl/curl.h>
#include <string.h>

#define SECRET_MAX 8192
#define SAID_MAX 512 /* of an answer's body, for the reason */
#define RUN_OF_A_SECRET 8
#define MESSAGE_MAX (2 * ORDER_LINE_MAX)

struct transfer {
    const struct order *o;
    CURL *curl;
    struct curl_slist *list; /* headers or recipients */
    struct buf url, secret;  /* secret: password or authorization */
    struct buf message;      /* mail */
    size_t sent;             /* of it */
    struct buf said;         /* the beginning of the answer's body */
    char error[CURL_ERROR_SIZE];
};

int transfer_init(struct err *e)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) == 0) return 0;
    return err_set(e, ERR_INTERNAL, "libcurl cannot be initialised");
}

void transfer_fini(void)
{
    curl_global_cleanup();
}

/* ---- what libcurl asks ---------------------------------------------------------------------- */

static size_t on_read(char *to, size_t size, size_t count, void *user)
{
    struct transfer *t = user;
    size_t left = t->message.len - t->sent, n = size * count < left ? size * count : left;
    memcpy(to, t->message.data + t->sent, n);
    t->sent += n;
    return n;
}

static size_t on_write(char *data, size_t size, size_t count, void *user)
{
    struct transfer *t = user;
    size_t room = SAID_MAX - t->said.len, n = size * count;
    (void)buf_add(&t->said, data, n < room ? n : room);
    return n;
}

static int on_progress(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a, (void)b, (void)c, (void)d;
    const atomic_bool *stop = user;
    return atomic_load(stop) ? 1 : 0;
}

/* ---- setting up ----------------------------------------------------------------------------- */

static void add_to_list(struct transfer *t, const char *text)
{
    struct curl_slist *longer = curl_slist_append(t->list, text);
    if (!longer) mem_exhausted();
    t->list = longer;
}

static void set_protocols(CURL *c, const struct order *o)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, o->kind == ORDER_MAIL ? "smtp,smtps" : "http,https");
#else
    curl_easy_setopt(c, CURLOPT_PROTOCOLS,
                     (long)(o->kind == ORDER_MAIL ? CURLPROTO_SMTP | CURLPROTO_SMTPS
                                                  : CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

static void set_common(struct transfer *t, const atomic_bool *stop)
{
    CURL *c = t->curl;
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->error);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)t->o->timeout_ms);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, (void *)(uintptr_t)stop);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_write);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    if (t->o->ca_file) {
        curl_easy_setopt(c, CURLOPT_CAINFO, t->o->ca_file);
        curl_easy_setopt(c, CURLOPT_CAPATH, NULL); /* else the system's are trusted as well */
    }
    set_protocols(c, t->o);
}

/* What libcurl sets by itself gives way to a header of the list; of the list it sends all. */
static void add_headers(struct transfer *t)
{
    const struct order *o = t->o;
    struct buf line;
    buf_init(&line, 2 * SECRET_MAX + ORDER_LINE_MAX);
    buf_addf(&line, "Content-Type: %s", o->content_type);
    if (!order_header(o->headers, "Content-Type")) add_to_list(t, line.data);
    add_to_list(t, "Expect:");
    for (const struct json *h = json_first(o->headers); h; h = json_next(h)) {
        buf_clear(&line);
        const char *value = json_str(h, "");
        buf_addf(&line, *value ? "%s: %s" : "%s;", json_key(h), value);
        add_to_list(t, line.data);
    }
    buf_clear(&line);
    buf_addf(&line, "Authorization: %s", t->secret.data);
    if (t->secret.len > 0) add_to_list(t, line.data);
    buf_fini_secret(&line);
}

static int set_webhook(struct transfer *t, struct err *e)
{
    const struct order *o = t->o;
    CURL *c = t->curl;
    int rc = o->url ? buf_adds(&t->url, o->url)
                    : text_word_read(o->url_file, "the URL of a web hook", SECRET_MAX, &t->url, e);
    /* else libcurl may take it for a host, which its messages name */
    if (!rc) rc = order_check_url(t->url.data, "the URL", e);
    if (!rc && o->authorization_file)
        rc = text_word_read(o->authorization_file, "the value of the header Authorization",
                            SECRET_MAX, &t->secret, e);
    if (!rc && t->secret.data[strcspn(t->secret.data, "\r\n")])
        rc = err_set(e, ERR_INVALID, "%s has more than one line", o->authorization_file);
    if (rc) return rc;
    add_headers(t);
    curl_easy_setopt(c, CURLOPT_URL, t->url.data);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, t->list);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "cadre-notify/" CADRE_VERSION);
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(o->body));
    curl_easy_setopt(c, CURLOPT_POSTFIELDS, o->body);
    return 0;
}

static int set_mail(struct transfer *t, struct err *e)
{
    const struct order *o = t->o;
    CURL *c = t->curl;
    int rc = buf_addf(&t->url, "%s://%s", o->tls == ORDER_IMPLICIT ? "smtps" : "smtp", o->server);
    if (!rc && o->password_file)
        rc = text_word_read(o->password_file, "the password of the mail server", SECRET_MAX,
                            &t->secret, e);
    if (!rc && mail_write(o, os_wall_ms(), &t->message))
        rc = err_set(e, ERR_TOO_LARGE, "the message is too large");
    if (rc) return rc;
    for (const struct json *a = json_first(o->to); a; a = json_next(a))
        add_to_list(t, json_str(a, ""));
    curl_easy_setopt(c, CURLOPT_URL, t->url.data);
    curl_easy_setopt(c, CURLOPT_USE_SSL,
                     (long)(o->tls == ORDER_PLAIN ? CURLUSESSL_NONE : CURLUSESSL_ALL));
    if (o->user) {
        curl_easy_setopt(c, CURLOPT_USERNAME, o->user);
        curl_easy_setopt(c, CURLOPT_PASSWORD, t->secret.data);
    }
    curl_easy_setopt(c, CURLOPT_MAIL_FROM, o->from);
    curl_easy_setopt(c, CURLOPT_MAIL_RCPT, t->list);
    curl_easy_setopt(c, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(c, CURLOPT_READDATA, t);
    curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
    return 0;
}

/* ---- the end -------------------------------------------------------------------------------- */

/* Whether the text has 8 bytes in a row of a secret, or all of a shorter one: who repeats what was
 * sent may repeat a part of it, and what is kept of an answer is cut. */
static bool repeats(const char *text, const char *secret)
{
    char run[RUN_OF_A_SECRET + 1] = "";
    size_t len = strlen(secret), n = len < RUN_OF_A_SECRET ? len : RUN_OF_A_SECRET;
    for (size_t i = 0; n > 0 && i + n <= len; i++) {
        memcpy(run, secret + i, n);
        if (strstr(text, run)) return true;
    }
    return false;
}

/* Of a URL from a file all behind the scheme is secret. */
static const char *secret_of_url(const struct transfer *t)
{
    const char *host = t->o->url_file ? strstr(t->url.data, "://") : NULL;
    return host ? host + 3 : "";
}

/* ": what the other side said", unless that has a secret in it. */
static void add_said(struct transfer *t, struct buf *out)
{
    size_t len = str_utf8_whole(t->said.data, t->said.len);
    while (len > 0 && strchr(" \r\n\t", t->said.data[len - 1]))
        len--;
    if (len == 0) return;
    t->said.data[len] = '\0';
    if (repeats(t->said.data, t->secret.data) || repeats(t->said.data, secret_of_url(t))) return;
    buf_adds(out, ": ");
    escape_text(out, t->said.data, len);
}

static int judge_webhook(struct transfer *t, struct err *e)
{
    struct buf text;
    long status = 0;
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200 && status < 300) return 0;
    buf_init(&text, ERR_MSG_MAX + 4 * SAID_MAX);
    buf_addf(&text, "answered with the status %ld", status);
    if (status >= 300 && status < 400) buf_adds(&text, ", which is not followed");
    add_said(t, &text);
    int rc = err_set(e, ERR_DENIED, "%s", text.data);
    buf_fini(&text);
    return rc;
}

static int judge(struct transfer *t, CURLcode code, const atomic_bool *stop, struct err *e)
{
    if (code == CURLE_OK) return t->o->kind == ORDER_WEBHOOK ? judge_webhook(t, e) : 0;
    if (atomic_load(stop)) return err_set(e, ERR_CLOSED, "stopped");
    const char *why = *t->error ? t->error : curl_easy_strerror(code);
    bool tells = repeats(why, t->secret.data); /* the host may be told: it is what to mend */
    if (tells || (t->o->url_file && strstr(why, t->url.data))) why = curl_easy_strerror(code);
    const char *way = code == CURLE_PEER_FAILED_VERIFICATION && !t->o->ca_file
                          ? "; an authority of your own is named by 'caFile' of the channel"
                          : "";
    return err_set(e, code == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEOUT : ERR_IO, "%s%s", why, way);
}

int transfer_run(const struct order *o, const atomic_bool *stop, struct err *e)
{
    struct transfer t = {.o = o, .curl = curl_easy_init()};
    if (!t.curl) mem_exhausted();
    buf_init(&t.url, SECRET_MAX);
    buf_init(&t.secret, SECRET_MAX);
    buf_init(&t.message, MESSAGE_MAX);
    buf_init(&t.said, SAID_MAX);
    set_common(&t, stop);
    int rc = o->kind == ORDER_MAIL ? set_mail(&t, e) : set_webhook(&t, e);
    if (!rc) rc = judge(&t, curl_easy_perform(t.curl), stop, e);
    curl_easy_cleanup(t.curl);
    curl_slist_free_all(t.list);
    buf_fini_secret(&t.url);
    buf_fini_secret(&t.secret);
    buf_fini(&t.message);
    buf_fini(&t.said);
    return rc;
}
