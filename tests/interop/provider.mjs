/*
 * A real OpenID provider (npm's oidc-provider), for tests: node provider.mjs PORT AUDIENCE KID ALG [PORTAL [SECRET]]
 *
 * It signs access tokens for AUDIENCE (RFC 8707 resource indicators, RFC 9068 JWTs) with a fresh key KID, for anybody who has the client
 * `citizen` or `office`; the token's subject is the client's id. With PORTAL, the address of our pages, it has the client `portal` as well (public, or with
 * SECRET), lets whoever comes sign in as `ada` without asking, and tells PORTAL of logouts. Prints "ready" when it listens.
 */
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const [port, audience, kid, algorithm, portal, secret] = process.argv.slice(2);
const { privateKey } = algorithm === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('rsa', { modulusLength: 2048 });
const client = (client_id) => ({ client_id, client_secret: `${client_id}-secret`, grant_types: ['client_credentials'], redirect_uris: [], response_types: [],
  id_token_signed_response_alg: algorithm });
const pages = portal ? [{
  client_id: 'portal', ...(secret ? { client_secret: secret } : { token_endpoint_auth_method: 'none' }), redirect_uris: [`${portal}/sign-in/callback`],
  post_logout_redirect_uris: [`${portal}/signed-out`], backchannel_logout_uri: `${portal}/sign-out/provider`, backchannel_logout_session_required: true,
  id_token_signed_response_alg: algorithm, application_type: 'native',
}] : [];

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [client('citizen'), client('office'), ...pages],
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid, alg: algorithm, use: 'sig' }] },
  features: {
    devInteractions: { enabled: false },
    backchannelLogout: { enabled: true },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => (portal ? undefined : audience),
      getResourceServerInfo: () => ({ scope: '', audience, accessTokenFormat: 'jwt', accessTokenTTL: 600, jwt: { sign: { alg: algorithm } } }),
    },
  },
  fetch: (url, options) => fetch(url, options), // back-channel logout goes to this machine
  conformIdTokenClaims: false,
  claims: { openid: ['sub', 'roles'] },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, roles: ['citizen'] }) }),
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  extraTokenClaims: (_, token) => ({ roles: [token.clientId], sub: token.clientId }),
});

// Signs in and agrees without a page.
provider.use(async (context, next) => {
  if (!context.path.startsWith('/interaction/')) return next();
  const { prompt, params, grantId, session } = await provider.interactionDetails(context.req, context.res);
  let result = { login: { accountId: 'ada' } };
  if (prompt.name === 'consent') {
    const grant = grantId ? await provider.Grant.find(grantId) : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope('openid');
    result = { consent: { grantId: await grant.save() } };
  }
  context.respond = false;
  return provider.interactionFinished(context.req, context.res, result, { mergeWithLastSubmission: true });
});
provider.listen(Number(port), '127.0.0.1', () => console.log('ready'));
