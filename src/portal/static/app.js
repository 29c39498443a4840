// What script adds to pages that work without it: a form is neither lost nor sent twice when the line is cut, times are the reader's own, and
// language and colours change in place. Other scripts hear `comity:page` on document when the page's content was changed.
'use strict';
(() => {
  const KEEP_MS = 10 * 60 * 1000, PATIENCE_MS = 30 * 1000, WAIT_MAX_MS = 30 * 1000;
  const html = document.documentElement;
  let pending = null, waiting = 0, tries = 0, isSending = false;

  const told = () => document.getElementById('told');
  const tell = (word, kind, ...buttons) => {
    const place = told();
    if (!place) return;
    place.className = 'told ' + kind;
    place.hidden = !word;
    place.textContent = word ? place.dataset[word] : '';
    for (const [name, action] of buttons) {
      const button = document.createElement('button');
      button.type = 'button';
      button.className = 'quiet';
      button.textContent = place.dataset[name];
      button.addEventListener('click', action);
      place.append(button);
    }
  };

  // ---- Forms ----

  // Of this tab only, and gone with it. What is private (a code for signing in) stays in memory.
  const store = () => {
    try {
      if (pending && !pending.isPrivate) sessionStorage.setItem('pending', JSON.stringify(pending));
      else sessionStorage.removeItem('pending');
    } catch { /* no room, or not allowed: memory must do */ }
  };
  const busy = on => {
    for (const button of document.querySelectorAll('form[method=post] button')) {
      if (on) button.setAttribute('aria-disabled', 'true');
      else button.removeAttribute('aria-disabled');
    }
  };
  const forget = () => {
    clearTimeout(waiting);
    pending = null;
    tries = 0;
    store();
    busy(false);
  };

  // The answer to a form that leads nowhere else: the same page with what is wrong, or a refusal.
  const show = text => {
    const page = new DOMParser().parseFromString(text, 'text/html'), main = page.querySelector('main');
    if (!main) return false;
    document.title = page.title;
    document.querySelector('main').replaceWith(main);
    (main.querySelector('[aria-invalid=true]') || main).focus();
    scrollTo(0, 0);
    changed();
    return true;
  };
  const later = () => {
    const ms = Math.min(WAIT_MAX_MS, 1000 * 2 ** tries++);
    clearTimeout(waiting);
    waiting = setTimeout(send, ms);
    tell('cut', 'warn', ['again', send], ['drop', () => { forget(); tell('dropped', 'warn'); }]);
  };
  const send = async () => {
    if (!pending || isSending) return;
    const mine = pending;
    clearTimeout(waiting);
    isSending = true;
    busy(true);
    tell('sending', '');
    try {
      const answer = await fetch(mine.action, { method: 'POST', body: new URLSearchParams(mine.fields), signal: AbortSignal.timeout(PATIENCE_MS),
        headers: { Accept: 'text/html', 'Comity-Form': 'script' } });
      const place = answer.headers.get('Comity-Location'), text = await answer.text();
      isSending = false;
      if (mine !== pending) return;
      if (!place && answer.headers.has('Retry-After') && tries < 8) return later();
      forget();
      if (place) {
        tell('done', 'good');
        const url = new URL(place, location.href);
        if (url.pathname + url.search === location.pathname + location.search && url.hash) {
          location.hash = url.hash;
          location.reload();
        } else location.assign(url);
      } else if (!show(text)) location.reload();
      else tell('');
    } catch {
      isSending = false;
      if (mine === pending) later();
    }
  };
  addEventListener('submit', event => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== 'post' || form.hasAttribute('data-plain')) return;
    event.preventDefault();
    if (pending) return; // a second click
    pending = { action: form.action, fields: [...new FormData(form, event.submitter)], at: Date.now(), isPrivate: form.hasAttribute('data-private') };
    store();
    send();
  });
  addEventListener('online', send);
  const resume = () => {
    try {
      const kept = JSON.parse(sessionStorage.getItem('pending'));
      if (kept && Date.now() - kept.at < KEEP_MS) pending = kept;
    } catch { /* nothing that we wrote */ }
    store();
    if (pending) send();
  };

  // ---- Times ----

  const UNITS = [['year', 31556952], ['month', 2629746], ['week', 604800], ['day', 86400], ['hour', 3600], ['minute', 60]];
  const times = () => {
    const ago = new Intl.RelativeTimeFormat(html.lang, { numeric: 'auto' });
    const exact = new Intl.DateTimeFormat(html.lang, { dateStyle: 'long', timeStyle: 'short' });
    for (const time of document.querySelectorAll('time[datetime].ago, time[datetime].clock')) {
      const at = Date.parse(time.dateTime), seconds = (at - Date.now()) / 1000;
      if (Number.isNaN(at)) continue;
      const own = exact.format(at), [unit, size] = UNITS.find(([, s]) => Math.abs(seconds) >= s) || ['minute', 60];
      time.textContent = time.classList.contains('ago') ? ago.format(Math.trunc(seconds / size), unit) : own;
      time.title = own;
    }
  };
  const changed = () => {
    times();
    document.dispatchEvent(new Event('comity:page'));
  };

  // ---- Language and colours, without leaving ----

  const filled = () => [...document.querySelectorAll('main :is(input, select, textarea)')].filter(field => field.name && field.type !== 'hidden');
  const turn = async link => {
    const page = new DOMParser().parseFromString(await (await fetch(link.href)).text(), 'text/html');
    const before = filled(), at = scrollY;
    for (const name of ['lang', 'dir']) html.setAttribute(name, page.documentElement.getAttribute(name));
    document.title = page.title;
    document.body.replaceChildren(...page.body.childNodes);
    filled().forEach((field, i) => {
      const old = before[i];
      if (!old || old.name !== field.name) return;
      if (field.type === 'checkbox' || field.type === 'radio') field.checked = old.checked;
      else field.value = old.value;
    });
    scrollTo(0, at);
    document.querySelector(`a[href^="/preferences?lang=${html.lang}&"]`)?.focus({ preventScroll: true });
    changed();
  };
  addEventListener('click', event => {
    const link = event.target.closest?.('a[href^="/preferences?"]');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    const theme = link.dataset.theme;
    if (theme === undefined) {
      turn(link).catch(() => location.assign(link.href));
      return;
    }
    if (theme) html.dataset.theme = theme;
    else delete html.dataset.theme;
    for (const other of document.querySelectorAll('a[data-theme]')) other.toggleAttribute('aria-current', false);
    link.setAttribute('aria-current', 'true');
    fetch(link.href, { redirect: 'manual' }).catch(() => {});
  });

  // ---- Life ----

  // Back, after signing out: the browser shows nothing that it remembers.
  addEventListener('pageshow', event => event.persisted && location.reload());
  html.classList.add('script');
  times();
  setInterval(times, 60000);
  resume();
  navigator.serviceWorker?.register('/sw.js').catch(() => {});
})();
