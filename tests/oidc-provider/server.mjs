// The authorization server oidc-provider, which shares no code with the client or the sandbox, and a
// platform of four constant responses. `GET /refresh-tokens` returns whether each issued refresh token is
// still valid.
//
//   node server.mjs NODE_MODULES PORT CLIENT_ID REDIRECT_URI
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';

const [modules, port, clientId, redirectUri] = process.argv.slice(2);
const { default: Provider } = await import(pathToFileURL(join(modules, 'oidc-provider/lib/index.js')));

const platform = {
  '/dashboard/onboarding/login': { user: { session: { sensitive_id: 'sess-node' } } },
  '/v1/organizations': { data: [{ id: 'org-node', is_default: true }] },
  '/dashboard/organizations/org-node/projects': { data: [{ id: 'proj_node', is_initial: true }] },
  '/dashboard/organizations/org-node/projects/proj_node/api_keys': { key: { sensitive_id: 'sk-proj-node-0001' } },
};
const issued = [];

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{
    client_id: clientId,
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
  }],
  features: { devInteractions: { enabled: false }, revocation: { enabled: true } },
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  issueRefreshToken: () => true,
  routes: { authorization: '/oauth/authorize', token: '/oauth/token', revocation: '/oauth/revoke' },
});

provider.use(async (ctx, next) => {
  if (ctx.path in platform) {
    ctx.body = platform[ctx.path];
  } else if (ctx.path === '/refresh-tokens') {
    ctx.body = await Promise.all(issued.map(async (token) => Boolean(await provider.RefreshToken.find(token))));
  } else if (ctx.path.startsWith('/interaction/')) {
    await agree(ctx);
  } else {
    if (ctx.path === '/oauth/revoke') await readJson(ctx);
    await next();
    if (ctx.path === '/oauth/token' && ctx.body?.refresh_token) issued.push(ctx.body.refresh_token);
  }
});

// Signs the user in, who agrees to everything.
async function agree(ctx) {
  const { params, session } = await provider.interactionDetails(ctx.req, ctx.res);
  const accountId = session?.accountId ?? 'user';
  const grant = new provider.Grant({ accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  const result = { login: { accountId }, consent: { grantId: await grant.save() } };
  ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, result));
}

// RFC 7009 section 2.1 sends a form. Codex sends JSON to OpenAI's server, and so does keymint.
async function readJson(ctx) {
  ctx.req.body = JSON.parse(await text(ctx.req));
  ctx.req.headers['content-type'] = 'application/x-www-form-urlencoded';
}

provider.listen(Number(port), '127.0.0.1', () => console.error('listening'));
