/** Bare node:http: the most that anything on Node can do. No routes, no authentication, no isolation, no record. */
import { createServer } from 'node:http';

const server = createServer((request, response) => {
  if (request.url === '/stream') return stream(response);
  if (request.method !== 'POST') return answer(response, { hello: 'world' });
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => answer(response, { ...JSON.parse(Buffer.concat(chunks).toString()), seen: true }));
});

function answer(response, value) {
  const body = JSON.stringify(value);
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

function stream(response) {
  response.writeHead(200, { 'content-type': 'text/plain' });
  response.write('first\n');
  setTimeout(() => response.end('last\n'), 5);
}

server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));
