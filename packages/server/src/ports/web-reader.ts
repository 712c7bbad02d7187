/**
 * Reads small JSON documents from the web for the platform itself. Only public addresses are dialled, whatever a name
 * means a moment later, except on hosts that the operator has named. No redirect is followed.
 */
export interface WebReader {
  /** @throws {Error} whose message says why, without the content of the answer */
  readJson(url: string): Promise<unknown>;
  /** Whether the operator has named this host (`host` or `host:port`), so that it may be private and without TLS. */
  isPrivateHost(host: string): boolean;
}
