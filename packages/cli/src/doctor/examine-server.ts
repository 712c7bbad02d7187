/** Whether the server that commands of this folder would talk to answers, and takes the key. */
import type { ApiClient } from '../api/api-client.ts';
import { toCliError } from '../cli-error.ts';
import { DEFAULT_URL } from '../api/connection.ts';
import type { Finding } from './examine-host.ts';

/** Nothing, when no server was named in any way: a fresh machine has none. */
export async function examineServer(api: ApiClient): Promise<Finding[]> {
  const { url, key } = api.connection;
  if (url === DEFAULT_URL && key === undefined) return [];
  const findings: Finding[] = [];
  try {
    const { version } = await api.get<{ version?: string }>('/health/version');
    findings.push({ check: 'server', state: 'good', detail: `${url} answers, version ${version ?? 'unknown'}` });
    if (key !== undefined) {
      await api.get('/functions', { queries: [JSON.stringify({ method: 'limit', values: [1] })] });
      findings.push({ check: 'api key', state: 'good', detail: `accepted in project ${api.connection.project}` });
    }
  } catch (error) {
    const { message, next } = toCliError(error);
    findings.push({
      check: findings.length === 0 ? 'server' : 'api key',
      state: 'broken',
      detail: next === undefined ? message : `${message} ${next}`,
    });
  }
  return findings;
}
