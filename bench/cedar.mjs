// What a general policy engine takes for the heart of one decision: Cedar, from npm, in its WebAssembly, with its policy parsed beforehand. The policy says
// what comity's does for one category of one request: the client has the right, the purpose is one of the service's, and the category leaves on a basis, or on
// a consent for this person, recipient and purpose that is given and in force. Each answer is compared with the same rule in JavaScript.
//
//   bench/cedar.mjs DECISIONS      prints one line of JSON
import { createRequire } from 'node:module';

const cedar = createRequire(import.meta.url)('@cedar-policy/cedar-wasm/nodejs');
const decisions = Number(process.argv[2]);
if (!Number.isInteger(decisions) || decisions < 1) {
    process.stderr.write('usage: cedar.mjs DECISIONS\n');
    process.exit(2);
}

const policy = `
permit (principal in Member::"BAOBAB/HEALTH/CLINIC", action == Action::"release", resource == Service::"AURORA/HEALTH/HOSPITAL/records/summary")
when {
    ["health:PrimaryCareManagement", "health:EmergencyCareManagement"].contains(context.purpose) && !context.sensitive &&
    ["statutory_duty", "contract"].contains(context.basis)
};
permit (principal in Member::"BAOBAB/HEALTH/CLINIC", action == Action::"release", resource == Service::"AURORA/HEALTH/HOSPITAL/records/summary")
when {
    ["health:PrimaryCareManagement", "health:EmergencyCareManagement"].contains(context.purpose) && context.basis == "consent" &&
    context has consent && context.consent.state == "given" && context.consent.recipient == context.recipient &&
    context.consent.purpose == context.purpose && context.consent.categories.contains(context.category) &&
    context.consent.from <= context.now && context.now < context.consent.until
};
forbid (principal, action, resource) when { context.purpose == "dpv:SellDataToThirdParties" };
`;
const parsed = cedar.preparsePolicySet('comity', { staticPolicies: policy });
if (parsed.type !== 'success') {
    process.stderr.write(`cedar.mjs: ${JSON.stringify(parsed)}\n`);
    process.exit(2);
}

const purposes = ['health:PrimaryCareManagement', 'health:EmergencyCareManagement'];
const categories = ['pd:Name', 'pd:HealthRecord', 'pd:BirthDate', 'pd:PhysicalAddress'];
let dice = 1;
function roll(sides) { // the same cases in each run
    dice = (Math.imul(dice, 1103515245) + 12345) & 0x7fffffff;
    return (dice >> 8) % sides;
}

function makeCase() {
    const now = 1000 + roll(1000), from = roll(1200), context = {
        purpose: ['health:PrimaryCareManagement', 'health:EmergencyCareManagement', 'dpv:Marketing', 'dpv:SellDataToThirdParties'][[0, 0, 0, 1, 1, 1, 2, 3][roll(8)]],
        recipient: 'BAOBAB/HEALTH/CLINIC', category: categories[roll(4)], basis: ['consent', 'consent', 'consent', 'statutory_duty'][roll(4)], now,
        sensitive: roll(2) === 0,
    };
    if (roll(8) > 0) {
        context.consent = {
            state: ['given', 'given', 'given', 'withdrawn', 'refused'][roll(5)], recipient: ['BAOBAB/HEALTH/CLINIC', 'BAOBAB/COM/SHOP'][roll(8) === 0 ? 1 : 0],
            purpose: purposes[[0, 0, 0, 1][roll(4)]], categories: categories.filter(() => roll(8) > 0), from, until: from + roll(8000),
        };
    }
    return { client: roll(8) > 0 ? 'BAOBAB/HEALTH/CLINIC/frontdesk' : 'BAOBAB/COM/SHOP/till', context };
}

function isPermitted({ client, context: c }) {
    const isAsked = client.startsWith('BAOBAB/HEALTH/CLINIC/') && purposes.includes(c.purpose);
    const isByLaw = !c.sensitive && ['statutory_duty', 'contract'].includes(c.basis);
    const isByConsent = c.basis === 'consent' && c.consent !== undefined && c.consent.state === 'given' && c.consent.recipient === c.recipient &&
        c.consent.purpose === c.purpose && c.consent.categories.includes(c.category) && c.consent.from <= c.now && c.now < c.consent.until;
    return isAsked && (isByLaw || isByConsent);
}

const entities = ['BAOBAB/HEALTH/CLINIC/frontdesk', 'BAOBAB/COM/SHOP/till'].map((id) => ({
    uid: { type: 'Subsystem', id }, attrs: {}, parents: [{ type: 'Member', id: id.split('/').slice(0, 3).join('/') }],
}));
const cases = Array.from({ length: 1000 }, makeCase);
const calls = cases.map(({ client, context }) => ({
    principal: { type: 'Subsystem', id: client }, action: { type: 'Action', id: 'release' },
    resource: { type: 'Service', id: 'AURORA/HEALTH/HOSPITAL/records/summary' }, context, preparsedPolicySetId: 'comity', entities,
}));
let permitted = 0;
cases.forEach((one, i) => {
    const answer = cedar.statefulIsAuthorized(calls[i]);
    const is = answer.type === 'success' && answer.response.decision === 'allow';
    if (answer.type !== 'success' || answer.response.diagnostics.errors.length > 0 || is !== isPermitted(one)) {
        process.stderr.write(`cedar.mjs: it decides otherwise: ${JSON.stringify(one)} ${JSON.stringify(answer)}\n`);
        process.exit(1);
    }
    permitted += is ? 1 : 0;
});

const took = new Float64Array(decisions);
for (let i = 0; i < decisions; i++) {
    const call = calls[i % calls.length], before = process.hrtime.bigint();
    cedar.statefulIsAuthorized(call);
    took[i] = Number(process.hrtime.bigint() - before) / 1000;
}
took.sort();
const at = (share) => Math.round(took[Math.min(decisions - 1, Math.floor(decisions * share))] * 100) / 100;
process.stdout.write(`${JSON.stringify({ cedar_version: cedar.getCedarVersion(), cedar_p50_us: at(0.5), cedar_p99_us: at(0.99), cedar_permitted: permitted / cases.length })}\n`);
