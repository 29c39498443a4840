"""A real HTTP/1.1 service behind a gateway, whose behaviour a test chooses: by path, or for everything."""
import base64
import http.server
import json
import socket
import struct
import threading
import time


class Request:
    """What came in, as it came: `headers` is a list of pairs in order, with the letter case of the wire."""

    def __init__(self, method, target, headers, body):
        self.method, self.target, self.headers, self.body = method, target, headers, body

    def header(self, name):
        """The first value, ignoring case; None when absent."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


# ---- behaviours: each is called as behaviour(handler, request) and writes to handler.wfile or handler.connection

def answer(body=b'', status=200, headers=(), content_type='application/json'):
    """A whole answer with Content-Length. A body that is neither bytes nor str is written as JSON."""
    if isinstance(body, str):
        body = body.encode()
    elif not isinstance(body, bytes):
        body = json.dumps(body).encode()

    def behave(handler, request):
        handler.send_response_only(status)
        for name, value in headers:
            handler.send_header(name, value)
        if content_type is not None and not any(name.lower() == 'content-type' for name, _ in headers):
            handler.send_header('Content-Type', content_type)
        if status >= 200 and status not in (204, 304):
            handler.send_header('Content-Length', str(len(body)))
        handler.end_headers()
        if request.method != 'HEAD' and status not in (204, 304):
            handler.wfile.write(body)
    return behave


def echo(handler, request):
    """Tells as JSON what came in."""
    answer({'method': request.method, 'target': request.target, 'headers': request.headers,
            'body': base64.b64encode(request.body).decode()})(handler, request)


def slow(seconds, then):
    """Waits before it answers; ends early when the service is stopped."""
    def behave(handler, request):
        if not handler.server.owner.stopping.wait(seconds):
            then(handler, request)
    return behave


def hang(handler, request):
    """Never answers."""
    handler.server.owner.stopping.wait()
    handler.close_connection = True


def chunked(pieces, pause=0.0, headers=(), content_type='application/json', with_end=True):
    """Transfer-Encoding: chunked, one chunk a piece."""
    def behave(handler, request):
        handler.send_response_only(200)
        for name, value in (*headers, ('Content-Type', content_type), ('Transfer-Encoding', 'chunked')):
            handler.send_header(name, value)
        handler.end_headers()
        for piece in pieces:
            handler.wfile.write(b'%x\r\n%s\r\n' % (len(piece), piece))
            if pause:
                handler.server.owner.stopping.wait(pause)
        if with_end:
            handler.wfile.write(b'0\r\n\r\n')
        else:
            handler.close_connection = True
    return behave


def big(size, content_type='application/octet-stream'):
    """`size` bytes that are never held whole here."""
    def behave(handler, request):
        handler.send_response_only(200)
        handler.send_header('Content-Type', content_type)
        handler.send_header('Content-Length', str(size))
        handler.end_headers()
        block, left = bytes(range(256)) * 256, size
        while left > 0:
            handler.wfile.write(block[:min(left, len(block))])
            left -= min(left, len(block))
    return behave


def reset_midway(sent=b'{"half":', promised=1000):
    """Promises more than it sends, then resets the connection (RST, not FIN)."""
    def behave(handler, request):
        handler.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' % (promised, sent))
        handler.wfile.flush()
        time.sleep(0.05)
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        handler.connection.close()
        handler.close_connection = True
    return behave


def close_midway(sent=b'{"half":', promised=1000):
    """The same with an orderly end."""
    def behave(handler, request):
        handler.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' % (promised, sent))
        handler.close_connection = True
    return behave


def raw(data, close=True):
    """Exactly these bytes: garbage, two heads, a wrong length, ..."""
    def behave(handler, request):
        handler.wfile.write(data)
        handler.close_connection = close
    return behave


def garbage(handler, request):
    raw(b'\x16\x03\x01 this is not HTTP \x00\xff\r\n\r\n')(handler, request)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (ConnectionError, BrokenPipeError, ValueError):
            self.close_connection = True

    def read_body(self):
        if self.headers.get('Transfer-Encoding', '').lower() == 'chunked':
            body = b''
            while True:
                size = int(self.rfile.readline().split(b';')[0], 16)
                body += self.rfile.read(size)
                self.rfile.readline()
                if size == 0:
                    return body
        return self.rfile.read(int(self.headers.get('Content-Length', 0)))

    def behave(self):
        request = Request(self.command, self.path, list(self.headers.items()), self.read_body())
        owner = self.server.owner
        with owner.lock:
            owner.requests.append(request)
        path = self.path.split('?')[0]
        chosen = next((behaviour for prefix, behaviour in owner.by_path if path.startswith(prefix)), owner.behaviour)
        chosen(self, request)
        self.wfile.flush()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_TRACE = behave

    def log_message(self, format, *arguments):  # pylint: disable=redefined-builtin
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, request, client_address):
        pass  # a peer that went away is what many tests are about


class Service:
    """
    with Service() as service:                 answers every request with `record`
        service.behaviour = echo               from now on
        service.on('/slow', slow(5, echo))     paths that begin so; the newest rule first
        service.requests                       what came in, in order
    """

    def __init__(self, behaviour=None):
        self.behaviour = behaviour or answer({'status': 'fine'})
        self.by_path = []
        self.requests = []
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.server = None
        self.port = None

    def start(self, port=0):
        self.stopping.clear()
        self.server = Server(('127.0.0.1', port), Handler)
        self.server.owner = self
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={'poll_interval': 0.05}, daemon=True).start()
        return self

    def stop(self):
        """Stops listening; the port is kept for start(port), so that a service can be down for a while."""
        if self.server is not None:
            self.stopping.set()
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    @property
    def url(self):
        return f'http://127.0.0.1:{self.port}'

    def on(self, prefix, behaviour):
        self.by_path.insert(0, (prefix, behaviour))

    def __enter__(self):
        return self if self.server is not None else self.start()

    def __exit__(self, *problem):
        self.stop()
