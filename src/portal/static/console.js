// Live figures and charts for /console: what the page shows without script, each second anew (docs/console.md).
'use strict';
(() => {
  const now = document.querySelector('.console-now');
  if (!now || !window.EventSource) return;
  const language = document.documentElement.lang, mark = document.getElementById('live');
  const number = digits => new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const whole = number(0), tenth = number(1), hundredth = number(2);
  const write = {
    rate: value => tenth.format(value),
    count: value => whole.format(value),
    percent: value => tenth.format(value) + ' %',
    seconds: value => whole.format(value) + ' s',
    us: value => (value >= 10000 ? whole : hundredth).format(value / 1000) + ' ms',
    bytes: value => value >= 10 * 2 ** 30 ? whole.format(value / 2 ** 30) + ' GiB' : whole.format(value / 2 ** 20) + ' MiB',
  };
  const at = (value, path) => path.split('.').reduce((from, key) => from?.[key], value);

  // Rows that came or went: the server makes them, as it does without script.
  let isFetching = false;
  const refresh = async () => {
    if (isFetching) return;
    isFetching = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: 'text/html' } });
      const lists = answer.ok && new DOMParser().parseFromString(await answer.text(), 'text/html').getElementById('lists');
      if (lists) document.getElementById('lists').replaceWith(lists);
    } catch { /* the next event tries again */ } finally {
      isFetching = false;
    }
  };
  const lists = figures => {
    const shown = [...document.querySelectorAll('[data-peer]')].map(row => row.dataset.peer).join('\n');
    let isOther = shown !== figures.peers.map(peer => `${peer.origin} ${peer.state}`).join('\n');
    for (const refusal of figures.refusals) {
      const row = document.querySelector(`[data-reason="${CSS.escape(refusal.reason)}"]`);
      if (!row) isOther = true;
      else {
        row.querySelector('.recent').textContent = whole.format(refusal.recent);
        row.querySelector('.count').textContent = whole.format(refusal.count);
      }
    }
    if (isOther) refresh();
  };

  // Three lines that differ in their dashes as well as in their colours.
  let chart = null;
  const place = document.getElementById('chart');
  const draw = figures => {
    if (!window.uPlot) return;
    const end = Date.parse(figures.time) / 1000, count = figures.history.length;
    const data = [figures.history.map((row, i) => end - count + i), ...[0, 1, 2].map(i => figures.history.map(row => row[i]))];
    if (chart) return chart.setData(data);
    place.hidden = false;
    const style = getComputedStyle(document.documentElement), colour = name => style.getPropertyValue(name).trim() || 'currentColor';
    const axis = { stroke: colour('--ink'), grid: { stroke: colour('--line'), width: 1 }, ticks: { stroke: colour('--line'), width: 1 } };
    chart = new uPlot({
      width: place.clientWidth, height: 240, cursor: { show: false }, legend: { show: true, live: false }, axes: [axis, axis],
      series: [{}, { label: place.dataset.consumer, stroke: colour('--accent'), width: 2 }, { label: place.dataset.holder, stroke: colour('--ink'), width: 2, dash: [8, 5] },
        { label: place.dataset.refused, stroke: colour('--bad'), width: 2, dash: [2, 4] }],
    }, data, place);
  };
  addEventListener('resize', () => chart?.setSize({ width: place.clientWidth, height: 240 }));

  const source = new EventSource('/v1/live');
  source.addEventListener('figures', event => {
    const figures = JSON.parse(event.data);
    for (const element of document.querySelectorAll('[data-at]')) {
      const value = at(figures, element.dataset.at), text = typeof value === 'number' ? write[element.dataset.kind](value) : '–';
      if (element.textContent !== text) element.textContent = text;
    }
    const time = now.querySelector('time');
    time.dateTime = figures.time;
    time.textContent = new Date(figures.time).toLocaleTimeString(language);
    mark.hidden = false;
    mark.className = 'badge good';
    mark.textContent = '● ' + mark.dataset.live;
    lists(figures);
    draw(figures);
  });
  source.addEventListener('error', () => {
    mark.hidden = false;
    mark.className = 'badge warn';
    mark.textContent = '▲ ' + mark.dataset.cut;
  });
  addEventListener('pagehide', () => source.close());
  addEventListener('pageshow', event => { if (event.persisted) location.reload(); });
})();
