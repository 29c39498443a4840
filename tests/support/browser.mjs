// Drives Chromium for tests/support/browser.py: one JSON object a line in, one out. `run` evaluates a function of playwright's objects.
import { createInterface } from 'node:readline';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const AsyncFunction = (async () => {}).constructor;
// Without these it asks the network for this and that at every start.
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
    '--disable-dev-shm-usage', '--force-prefers-reduced-motion'],
});
const contexts = new Map();
let next = 1;

const verbs = {
  async open({ options, foreign }) {
    const context = await browser.newContext(options), page = await context.newPage(), it = { context, page, problems: [], foreign: [] };
    page.on('pageerror', error => it.problems.push('script: ' + error.message));
    page.on('console', message => message.type() === 'error' && it.problems.push('console: ' + message.text()));
    context.on('request', request => {
      const url = new URL(request.url());
      if (url.protocol.startsWith('http') && url.hostname !== foreign) it.foreign.push(request.url());
    });
    contexts.set(next, it);
    return next++;
  },
  async close({ id }) {
    await contexts.get(id).context.close();
    contexts.delete(id);
  },
  async run({ id, code, value }) {
    const { page, context } = contexts.get(id);
    return (await new AsyncFunction('page', 'context', 'browser', 'value', code)(page, context, browser, value)) ?? null;
  },
  // What axe finds (WCAG 2.2 AA and best practice). Its code comes by the debugger, so that the page's Content-Security-Policy stays as it is.
  async axe({ id, rules }) {
    const { page, context } = contexts.get(id), session = await context.newCDPSession(page);
    await session.send('Runtime.evaluate', { expression: AXE });
    await session.detach();
    const found = await page.evaluate(off => globalThis.axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
      rules: Object.fromEntries(off.map(rule => [rule, { enabled: false }])) }), rules);
    return found.violations.map(one => `${one.id}: ${one.help} ${one.nodes.map(node => node.html.slice(0, 160)).join(' | ')}`);
  },
  async problems({ id }) {
    const it = contexts.get(id), all = { problems: it.problems, foreign: it.foreign };
    it.problems = [];
    it.foreign = [];
    return all;
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  let told;
  try {
    told = { value: (await verbs[asked.verb](asked)) ?? null };
  } catch (problem) {
    told = { problem: String(problem.stack || problem) };
  }
  process.stdout.write(JSON.stringify(told) + '\n');
}
await browser.close();
