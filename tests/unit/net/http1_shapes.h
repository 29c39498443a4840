/* Requests, well formed and not, and what each gets. Played over sockets and, split at random, straight into the connection. */
#ifndef COMITY_TESTS_HTTP1_SHAPES_H
#define COMITY_TESTS_HTTP1_SHAPES_H

#include "base/bytes.h"

struct http1_shape {
    const char *name;
    struct bytes input;
    unsigned status;   /* of the first answer: 200 from the handler, else net's refusal */
    unsigned requests; /* that reach the handler */
    bool stays;        /* the connection takes another request after it */
};

#define H "Host: a.example\r\n"
#define GET_SMUGGLED "GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n"
static const struct http1_shape http1_shapes[] = {
    /* Fine. */
    { "get", BYTES("GET / HTTP/1.1\r\n" H "\r\n"), 200, 1, true },
    { "empty line before", BYTES("\r\nGET / HTTP/1.1\r\n" H "\r\n"), 200, 1, true },
    { "query and encodings", BYTES("GET /a%2Fb/%C3%A4?x=1&y=%20|{}[]\"<>\\^`' HTTP/1.1\r\n" H "\r\n"), 200, 1, true },
    { "options *", BYTES("OPTIONS * HTTP/1.1\r\n" H "\r\n"), 200, 1, true },
    { "length zero", BYTES("POST / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n"), 200, 1, true },
    { "length", BYTES("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello"), 200, 1, true },
    { "chunked", BYTES("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0A\r\n0123456789\r\n0\r\n\r\n"), 200, 1,
      true },
    { "coding in capitals", BYTES("POST / HTTP/1.1\r\n" H "transfer-ENCODING: ChunkED\r\n\r\n1\r\na\r\n0\r\n\r\n"), 200, 1, true },
    { "trailers", BYTES("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-T: v\r\nY: \r\n\r\n"), 200, 1, true },
    { "empty value", BYTES("GET / HTTP/1.1\r\n" H "X-Empty:\r\nX-Blank:   \t \r\n\r\n"), 200, 1, true },
    { "obs-text in a value", BYTES("GET / HTTP/1.1\r\n" H "X-Name: J\xc3\xbcrgen\r\n\r\n"), 200, 1, true },
    { "host with port", BYTES("GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n"), 200, 1, true },
    { "close", BYTES("GET / HTTP/1.1\r\n" H "Connection: TE, Close\r\n\r\n" GET_SMUGGLED), 200, 1, false },
    { "1.0", BYTES("GET / HTTP/1.0\r\n\r\n" GET_SMUGGLED), 200, 1, false },
    { "1.0 keep-alive", BYTES("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" GET_SMUGGLED), 200, 1, false },
    { "upgrade is not taken",
      BYTES("GET / HTTP/1.1\r\n" H "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n"), 200, 1, true },
    { "upgrade with a body", BYTES("POST / HTTP/1.1\r\n" H "Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nab"), 200,
      1, true },
    { "two in one", BYTES("GET /1 HTTP/1.1\r\n" H "\r\nGET /2 HTTP/1.1\r\n" H "\r\n"), 200, 2, true },
    { "expect ignored in 1.0", BYTES("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na"), 200, 1, false },
    { "many methods", BYTES("PROPFIND / HTTP/1.1\r\n" H "\r\n"), 200, 1, true },

    /* Two lengths. */
    { "two lengths", BYTES("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello" GET_SMUGGLED), 400, 0, false },
    { "two equal lengths", BYTES("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello" GET_SMUGGLED), 400, 0,
      false },
    { "lengths in a list", BYTES("POST / HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\nhello" GET_SMUGGLED), 400, 0, false },
    { "length and coding", BYTES("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" GET_SMUGGLED),
      400, 0, false },
    { "coding and length", BYTES("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" GET_SMUGGLED),
      400, 0, false },
    { "length with plus", BYTES("POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\nhello"), 400, 0, false },
    { "length negative", BYTES("POST / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\nhello"), 400, 0, false },
    { "length hexadecimal", BYTES("POST / HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\nhello"), 400, 0, false },
    { "length with leading zero", BYTES("POST / HTTP/1.1\r\n" H "Content-Length: 05\r\n\r\nhello"), 400, 0, false },
    { "length empty", BYTES("POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\nhello"), 400, 0, false },
    { "length overflow", BYTES("POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551621\r\n\r\nhello"), 400, 0, false },
    { "length with space inside", BYTES("POST / HTTP/1.1\r\n" H "Content-Length: 5 5\r\n\r\nhello"), 400, 0, false },
    { "length over the limit", BYTES("POST / HTTP/1.1\r\n" H "Content-Length: 70000000\r\n\r\n"), 413, 0, false },
    { "length in HTTP/1.0 with coding", BYTES("POST / HTTP/1.0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400,
      0, false },

    /* Codings. */
    { "coding gzip", BYTES("POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\n\r\nhello"), 400, 0, false },
    { "coding gzip, chunked", BYTES("POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), 400, 0, false },
    { "coding chunked, chunked", BYTES("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"), 400, 0, false },
    { "coding chunked, identity", BYTES("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"), 400, 0, false },
    { "coding identity", BYTES("POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n"), 400, 0, false },
    { "coding xchunked", BYTES("POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"), 400, 0, false },
    { "coding chunked;x", BYTES("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked;x=1\r\n\r\n0\r\n\r\n"), 400, 0, false },
    { "coding quoted", BYTES("POST / HTTP/1.1\r\n" H "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"), 400, 0, false },
    { "coding empty", BYTES("POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n"), 400, 0, false },
    { "coding twice", BYTES("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400, 0,
      false },
    { "coding with vertical tab", BYTES("POST / HTTP/1.1\r\n" H "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n"), 400, 0, false },
    { "coding in 1.0", BYTES("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400, 0, false },

    /* Line ends and control characters. */
    { "bare LF everywhere", BYTES("GET / HTTP/1.1\nHost: a.example\n\n"), 400, 0, false },
    { "bare LF after a field", BYTES("GET / HTTP/1.1\r\n" H "X: 1\nY: 2\r\n\r\n"), 400, 0, false },
    { "bare LF ends the head", BYTES("GET / HTTP/1.1\r\nHost: a.example\r\n\n" GET_SMUGGLED), 400, 0, false },
    { "bare CR in a value", BYTES("GET / HTTP/1.1\r\n" H "X: 1\rY: 2\r\n\r\n"), 400, 0, false },
    { "bare CR ends a line", BYTES("GET / HTTP/1.1\rHost: a.example\r\r"), 400, 0, false },
    { "CR CR LF", BYTES("GET / HTTP/1.1\r\r\n" H "\r\n"), 400, 0, false },
    { "NUL in a value", BYTES("GET / HTTP/1.1\r\n" H "X: a\0b\r\n\r\n"), 400, 0, false },
    { "NUL in the target", BYTES("GET /a\0b HTTP/1.1\r\n" H "\r\n"), 400, 0, false },
    { "BEL in a value", BYTES("GET / HTTP/1.1\r\n" H "X: a\ab\r\n\r\n"), 400, 0, false },
    { "DEL in a value", BYTES("GET / HTTP/1.1\r\n" H "X: a\177b\r\n\r\n"), 400, 0, false },
    { "folded line", BYTES("GET / HTTP/1.1\r\n" H "X: 1\r\n 2\r\n\r\n"), 400, 0, false },
    { "folded with tab", BYTES("GET / HTTP/1.1\r\n" H "X: 1\r\n\t2\r\n\r\n"), 400, 0, false },
    { "folded coding", BYTES("POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"), 400, 0, false },
    { "first field indented", BYTES("GET / HTTP/1.1\r\n " H "\r\n"), 400, 0, false },
    { "two empty lines before", BYTES("\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n"), 400, 0, false },
    { "TLS hello", BYTES("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), 400, 0, false },

    /* Names. */
    { "space before colon", BYTES("GET / HTTP/1.1\r\n" H "Content-Length : 5\r\n\r\nhello"), 400, 0, false },
    { "tab before colon", BYTES("GET / HTTP/1.1\r\n" H "X\t: 5\r\n\r\n"), 400, 0, false },
    { "space in a name", BYTES("GET / HTTP/1.1\r\n" H "X Y: 5\r\n\r\n"), 400, 0, false },
    { "no colon", BYTES("GET / HTTP/1.1\r\n" H "XY\r\n\r\n"), 400, 0, false },
    { "no name", BYTES("GET / HTTP/1.1\r\n" H ": 1\r\n\r\n"), 400, 0, false },
    { "obs-text in a name", BYTES("GET / HTTP/1.1\r\n" H "X\xc3\xbc: 1\r\n\r\n"), 400, 0, false },
    { "brackets in a name", BYTES("GET / HTTP/1.1\r\n" H "X[0]: 1\r\n\r\n"), 400, 0, false },
    { "quote in a name", BYTES("GET / HTTP/1.1\r\n" H "\"X\": 1\r\n\r\n"), 400, 0, false },
    { "header as 1.1 line", BYTES("GET / HTTP/1.1\r\n" H "GET /smuggled HTTP/1.1\r\n\r\n"), 400, 0, false },

/* Chunks. */
#define CHUNKED "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
    { "chunk extension", BYTES(CHUNKED "1;a=b\r\na\r\n0\r\n\r\n"), 400, 0, false },
    { "chunk extension in the last", BYTES(CHUNKED "1\r\na\r\n0;x\r\n\r\n"), 400, 0, false },
    { "chunk size with space", BYTES(CHUNKED "1 \r\na\r\n0\r\n\r\n"), 400, 0, false },
    { "chunk size with space before", BYTES(CHUNKED " 1\r\na\r\n0\r\n\r\n"), 400, 0, false },
    { "chunk size 0x", BYTES(CHUNKED "0x1\r\na\r\n0\r\n\r\n"), 400, 0, false },
    { "chunk size signed", BYTES(CHUNKED "+1\r\na\r\n0\r\n\r\n"), 400, 0, false },
    { "chunk size negative", BYTES(CHUNKED "-1\r\na\r\n0\r\n\r\n"), 400, 0, false },
    { "chunk size empty", BYTES(CHUNKED "\r\na\r\n0\r\n\r\n"), 400, 0, false },
    { "chunk size junk", BYTES(CHUNKED "1g\r\na\r\n0\r\n\r\n"), 400, 0, false },
    { "chunk size overflow", BYTES(CHUNKED "10000000000000001\r\na\r\n0\r\n\r\n"), 400, 0, false },
    { "chunk size of zeros", BYTES(CHUNKED "00000000000000001\r\na\r\n0\r\n\r\n"), 400, 0, false },
    { "chunk size over the limit", BYTES(CHUNKED "ffffffffffffffff\r\na\r\n0\r\n\r\n"), 413, 0, false },
    { "chunk size with bare LF", BYTES(CHUNKED "1\na\r\n0\r\n\r\n"), 400, 0, false },
    { "chunk data with bare LF", BYTES(CHUNKED "1\r\na\n0\r\n\r\n"), 400, 0, false },
    { "chunk data too long", BYTES(CHUNKED "1\r\nab\r\n0\r\n\r\n"), 400, 0, false },
    { "chunk end with bare LF", BYTES(CHUNKED "1\r\na\r\n0\n\n"), 400, 0, false },
    { "last chunk then junk",
      BYTES(CHUNKED "0\r\nX"
                    "\r\n\r\n"),
      400, 0, false },
    { "trailer folded", BYTES(CHUNKED "0\r\nX: 1\r\n 2\r\n\r\n"), 400, 0, false },
    { "trailer with length is dropped", BYTES(CHUNKED "0\r\nContent-Length: 5\r\n\r\n"), 200, 1, true },
    { "trailer with NUL", BYTES(CHUNKED "0\r\nX: \0\r\n\r\n"), 400, 0, false },
    { "trailer with bare LF", BYTES(CHUNKED "0\r\nX: 1\n\r\n"), 400, 0, false },

    /* First line. */
    { "0.9", BYTES("GET /\r\n"), 400, 0, false },
    { "0.9 with a version of its own", BYTES("GET / HTTP/0.9\r\n\r\n"), 505, 0, false },
    { "1.2", BYTES("GET / HTTP/1.2\r\n" H "\r\n"), 505, 0, false },
    { "2.0 preface", BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505, 0, false },
    { "3.0", BYTES("GET / HTTP/3.0\r\n" H "\r\n"), 505, 0, false },
    { "version in small letters", BYTES("GET / http/1.1\r\n" H "\r\n"), 400, 0, false },
    { "version with junk", BYTES("GET / HTTP/1.1x\r\n" H "\r\n"), 400, 0, false },
    { "version with more digits", BYTES("GET / HTTP/1.10\r\n" H "\r\n"), 400, 0, false },
    { "space after version", BYTES("GET / HTTP/1.1 \r\n" H "\r\n"), 400, 0, false },
    { "two spaces before target", BYTES("GET  / HTTP/1.1\r\n" H "\r\n"), 400, 0, false },
    { "two spaces before version", BYTES("GET /  HTTP/1.1\r\n" H "\r\n"), 400, 0, false },
    { "tab after method", BYTES("GET\t/ HTTP/1.1\r\n" H "\r\n"), 400, 0, false },
    { "space before method", BYTES(" GET / HTTP/1.1\r\n" H "\r\n"), 400, 0, false },
    { "space in target", BYTES("GET /a b HTTP/1.1\r\n" H "\r\n"), 400, 0, false },
    { "bytes above ASCII in target", BYTES("GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n"), 400, 0, false },
    { "fragment in target", BYTES("GET /a#b HTTP/1.1\r\n" H "\r\n"), 400, 0, false },
    { "absolute form", BYTES("GET http://a.example/ HTTP/1.1\r\n" H "\r\n"), 400, 0, false },
    { "authority form", BYTES("GET a.example:80 HTTP/1.1\r\n" H "\r\n"), 400, 0, false },
    { "* with get", BYTES("GET * HTTP/1.1\r\n" H "\r\n"), 400, 0, false },
    { "relative target", BYTES("GET a/b HTTP/1.1\r\n" H "\r\n"), 400, 0, false },
    { "no target", BYTES("GET HTTP/1.1\r\n" H "\r\n"), 400, 0, false },
    { "connect", BYTES("CONNECT a.example:80 HTTP/1.1\r\n" H "\r\n"), 501, 0, false },
    { "method unknown", BYTES("INVALID / HTTP/1.1\r\n" H "\r\n"), 501, 0, false },
    { "method in small letters", BYTES("get / HTTP/1.1\r\n" H "\r\n"), 501, 0, false },
    { "method of RTSP", BYTES("PLAY / HTTP/1.1\r\n" H "\r\n"), 501, 0, false },
    { "method with a wrong byte", BYTES("GE(T / HTTP/1.1\r\n" H "\r\n"), 400, 0, false },
    { "method that begins like one", BYTES("GETS / HTTP/1.1\r\n" H "\r\n"), 501, 0, false },

    /* Host. */
    { "no host", BYTES("GET / HTTP/1.1\r\n\r\n"), 400, 0, false },
    { "two hosts", BYTES("GET / HTTP/1.1\r\n" H "Host: b.example\r\n\r\n"), 400, 0, false },
    { "two equal hosts", BYTES("GET / HTTP/1.1\r\n" H H "\r\n"), 400, 0, false },
    { "two hosts in 1.0", BYTES("GET / HTTP/1.0\r\n" H H "\r\n"), 400, 0, false },
    { "empty host", BYTES("GET / HTTP/1.1\r\nHost:\r\n\r\n"), 400, 0, false },
    { "host with path", BYTES("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400, 0, false },
    { "host with space", BYTES("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), 400, 0, false },
    { "host list", BYTES("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n"), 400, 0, false },
    { "host with user", BYTES("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"), 400, 0, false },

    /* Expect. */
    { "expectation unknown", BYTES("POST / HTTP/1.1\r\n" H "Expect: more\r\nContent-Length: 1\r\n\r\na"), 417, 0, false },
    { "expectation with more", BYTES("POST / HTTP/1.1\r\n" H "Expect: 100-continue, x\r\nContent-Length: 1\r\n\r\na"), 417, 0, false },
    { "continue refused for its head", BYTES("POST / HTTP/1.1\r\n" H H "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n"), 400, 0,
      false },
    { "continue refused for its length", BYTES("POST / HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 99000000\r\n\r\n"), 413, 0,
      false },
};

#endif
