/**
 * Posts to receivers that users have named. Only public addresses are dialled, whatever a name means a moment later,
 * except on hosts that the operator has named. No redirect is followed.
 */
export interface WebPost {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface WebSender {
  /** @returns the status that was answered. @throws {Error} whose message says why there was no answer */
  post(request: WebPost): Promise<number>;
  /** Why nothing can be sent to this URL, as words that follow its name; undefined where it can be tried. */
  urlProblem(url: string): string | undefined;
}
