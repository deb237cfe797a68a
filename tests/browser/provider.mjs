// A provider of OpenID Connect for the tests, with a page on which one chooses who one is; and a proxy that has put the server's page below a path. Tokens are signed with RSA.
import { createHash, createSign, generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer, request } from "node:http";

export const CLIENT = "martlog";
export const SECRET = "of the client".replaceAll(" ", "-");
/** Where the page is, below the proxy. */
export const PATH = "/logs";

/** Who can sign in. */
const PEOPLE = {
  alice: { sub: "1001", preferred_username: "alice", groups: ["everybody", "acme"] },
  bob: { sub: "1002", preferred_username: "bob", groups: ["support"] },
  mallory: { sub: "1003", preferred_username: "mallory", groups: ["everybody"] },
};

const listening = (server) => new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${server.address().port}`)));

/** Starts it; `stop` ends it, and it can be asked for nothing then. */
export async function provider() {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const codes = new Map();
  let address = "";
  const json = (answer, what, status = 200) => answer.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(what));
  const part = (what) => Buffer.from(JSON.stringify(what)).toString("base64url");
  const signed = (claims) => {
    const text = `${part({ alg: "RS256", kid: "k1" })}.${part(claims)}`;
    return `${text}.${createSign("RSA-SHA256").update(text).sign(privateKey, "base64url")}`;
  };
  const server = createServer(async (asked, answer) => {
    const url = new URL(asked.url, address);
    switch (url.pathname) {
      case "/.well-known/openid-configuration":
        return json(answer, { issuer: address, authorization_endpoint: `${address}/authorize`, token_endpoint: `${address}/token`, jwks_uri: `${address}/keys`, response_types_supported: ["code"], subject_types_supported: ["public"], id_token_signing_alg_values_supported: ["RS256"] });
      case "/keys":
        return json(answer, { keys: [{ ...publicKey.export({ format: "jwk" }), kid: "k1", use: "sig", alg: "RS256" }] });
      case "/authorize": {
        const back = (parameters) => {
          const to = new URL(url.searchParams.get("redirect_uri"));
          for (const [name, value] of Object.entries({ state: url.searchParams.get("state"), ...parameters })) to.searchParams.set(name, value);
          return to.href.replaceAll("&", "&amp;");
        };
        const ways = Object.entries(PEOPLE).map(([name, person]) => {
          const code = randomUUID();
          codes.set(code, { person, asked: url.searchParams });
          return `<p><a id="${name}" href="${back({ code })}">${name}</a></p>`;
        });
        answer.writeHead(200, { "Content-Type": "text/html" });
        return answer.end(`<!doctype html><title>Test SSO</title>${ways.join("")}<p><a id="cancel" href="${back({ error: "access_denied" })}">No</a></p>`);
      }
      case "/token": {
        const form = new URLSearchParams(await new Response(asked).text());
        const known = codes.get(form.get("code"));
        codes.delete(form.get("code"));
        const verifier = createHash("sha256").update(form.get("code_verifier") ?? "").digest("base64url");
        const credentials = `Basic ${Buffer.from(`${CLIENT}:${SECRET}`).toString("base64")}`;
        if (asked.headers.authorization !== credentials) return json(answer, { error: "invalid_client" }, 401);
        if (known?.asked.get("code_challenge") !== verifier) return json(answer, { error: "invalid_grant" }, 400);
        const now = Math.floor(Date.now() / 1_000);
        const claims = { iss: address, aud: CLIENT, iat: now, exp: now + 300, nonce: known.asked.get("nonce"), ...known.person };
        return json(answer, { access_token: "opaque", token_type: "Bearer", id_token: signed(claims) });
      }
    }
    answer.writeHead(404).end();
  });
  address = await listening(server);
  return { address, stop: () => new Promise((resolve) => (server.closeAllConnections(), server.close(resolve))) };
}

/** Passes what is below PATH on to a server that is told later. */
export async function proxy() {
  const front = { address: "", target: "", stop: () => {} };
  const server = createServer((asked, answer) => {
    if (asked.url === PATH) return answer.writeHead(301, { Location: `${PATH}/` }).end();
    if (!asked.url.startsWith(`${PATH}/`)) return answer.writeHead(404).end();
    const passed = request(front.target + asked.url.slice(PATH.length), { method: asked.method, headers: asked.headers }, (came) => {
      answer.writeHead(came.statusCode, came.rawHeaders);
      came.pipe(answer);
    });
    passed.on("error", () => answer.writeHead(502).end());
    asked.pipe(passed);
  });
  front.address = (await listening(server)) + PATH;
  front.stop = () => new Promise((resolve) => (server.closeAllConnections(), server.close(resolve)));
  return front;
}
