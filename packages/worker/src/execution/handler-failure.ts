/** A handler that ended without throwing, and yet without an answer that can be sent. */
export class HandlerFailure extends Error {
  readonly kind: 'no_response' | 'response_invalid';

  constructor(kind: HandlerFailure['kind'], message: string) {
    super(message);
    this.name = 'HandlerFailure';
    this.kind = kind;
  }
}
