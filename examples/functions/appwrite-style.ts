/**
 * A function as Appwrite's Node runtime takes it: one argument with `req`, `res`, `log` and `error`. It runs as it is.
 *
 *   curl http://127.0.0.1:8787/functions/appwrite-style/ping
 *   curl -H 'content-type: application/json' -d '{"celsius":21.5}' http://127.0.0.1:8787/functions/appwrite-style
 */
interface AppwriteContext {
  readonly req: { readonly method: string; readonly path: string; readonly bodyJson: unknown };
  readonly res: { text(body: string): unknown; json(body: unknown, statusCode?: number): unknown };
  log(message: unknown): void;
  error(message: unknown): void;
}

export default async ({ req, res, log, error }: AppwriteContext): Promise<unknown> => {
  if (req.path === '/ping') return res.text('Pong');
  if (req.method !== 'POST') return res.json({ error: 'Cannot convert: send POST with { celsius }.' }, 405);
  try {
    const { celsius } = req.bodyJson as { celsius?: unknown };
    if (typeof celsius !== 'number') throw new TypeError('celsius is not a number');
    log(`converting ${celsius} °C`);
    return res.json({ fahrenheit: celsius * 1.8 + 32 });
  } catch (reason) {
    error(`refused: ${String(reason)}`);
    return res.json({ error: 'Cannot convert: send JSON with a number `celsius`.' }, 400);
  }
};
