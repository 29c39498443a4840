// Keeps the static files, and one page that says the line is cut. Pages with a person's data are never kept: the next holder of this phone
// would find them (docs/pages.md).
'use strict';
const FILES = @assets;
const NAME = 'comity-' + FILES.join().split('').reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) >>> 0, 7);

// Without cookies, so that it is nobody's.
const keepOffline = async language => {
  const cache = await caches.open(NAME), kept = await cache.match('/offline');
  if (kept && (!language || kept.headers.get('Content-Language') === language)) return;
  const answer = await fetch('/offline' + (language ? '?lang=' + encodeURIComponent(language) : ''), { credentials: 'omit' });
  if (answer.ok) await cache.put('/offline', answer);
};

addEventListener('install', event => event.waitUntil((async () => {
  await (await caches.open(NAME)).addAll(FILES);
  await keepOffline();
  await skipWaiting();
})()));

addEventListener('activate', event => event.waitUntil((async () => {
  for (const name of await caches.keys()) if (name !== NAME) await caches.delete(name);
  await clients.claim();
})()));

addEventListener('fetch', event => {
  const url = new URL(event.request.url);
  if (event.request.method !== 'GET' || url.origin !== location.origin) return;
  if (url.pathname.startsWith('/assets/')) {
    event.respondWith(caches.match(event.request).then(kept => kept || fetch(event.request)));
  } else if (event.request.mode === 'navigate') {
    event.respondWith(fetch(event.request).then(answer => {
      const language = answer.headers.get('Content-Language');
      if (language) event.waitUntil(keepOffline(language).catch(() => {}));
      return answer;
    }, async problem => {
      const kept = await caches.match('/offline');
      if (!kept) throw problem;
      return kept;
    }));
  }
});
