/** Follows the log of a build as the server writes it. */
import type { ApiClient } from './api-client.ts';

export interface FollowBuildLog {
  /** Route of the deployment. */
  readonly route: string;
  readonly signal: AbortSignal;
  /** Called with whole lines. */
  readonly onLine: (line: string) => void;
}

/** Resolves when the build has ended or the signal aborts. */
export async function followBuildLog(api: ApiClient, { route, signal, onLine }: FollowBuildLog): Promise<void> {
  let rest = '';
  for await (const { data } of api.events(`${route}/logs`, { follow: true }, signal)) {
    const lines = (rest + textOf(data)).split('\n');
    rest = lines.pop() ?? '';
    lines.forEach(onLine);
  }
  if (rest !== '') onLine(rest);
}

/** The text of a log event; events of other kinds have none. */
function textOf(data: string): string {
  const event: unknown = JSON.parse(data);
  const text: unknown = typeof event === 'object' && event !== null ? Reflect.get(event, 'text') : undefined;
  return typeof text === 'string' ? text : '';
}
