// A small static server for tests, with an optional engine behind `POST /api/commands`: a stand-in for a hospital's server.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";

const TYPES = {
  ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css",
  ".wasm": "application/wasm", ".json": "application/json",
};

/**
 * Serves a folder; gives the origin, and `close`. `api` carries out a command and is shown the headers that came with it;
 * `headers` are added to every answer.
 */
export async function serve(root, { api, headers = {} } = {}) {
  const server = createServer(async (request, response) => {
    try {
      const path = new URL(request.url, "http://localhost").pathname;
      if (api && request.method === "POST" && path === "/api/commands") {
        let body = "";
        for await (const part of request) body += part;
        const answer = JSON.stringify(await api(JSON.parse(body), request.headers));
        response.writeHead(200, { "content-type": "application/json", ...headers }).end(answer);
        return;
      }
      const file = join(root, normalize(path.endsWith("/") ? `${path}index.html` : path));
      const bytes = await readFile(file);
      response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream", ...headers }).end(bytes);
    } catch {
      response.writeHead(404, headers).end();
    }
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    close: () => new Promise((done) => { server.closeAllConnections(); server.close(done); }),
  };
}
