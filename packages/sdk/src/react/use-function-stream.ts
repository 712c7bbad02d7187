/** One function that streams as a hook: its items while they come. */
import { useCallback, useState } from 'react';
import type { Caller } from '../client.ts';
import type { FunctionStream, StreamOptions } from '../functions/functions.ts';
import type { DataArguments, FunctionInput, FunctionName } from '../registry.ts';
import type { StreamFormat } from '../streams/read-stream.ts';
import type { ServerSentEvent } from '../streams/sse-parser.ts';
import { useMartlet } from './client-context.ts';
import { useLatestCall } from './latest-call.ts';
import { asError, withoutEvent, type FunctionCallState } from './use-function.ts';

/** What the items are, by what they are read as. */
interface Items {
  readonly sse: ServerSentEvent;
  readonly ndjson: unknown;
  readonly text: string;
  readonly bytes: Uint8Array;
}

export interface FunctionStreamCall<Name, Item> {
  /** `success` once the stream has come to its end. */
  readonly state: FunctionCallState;
  /** All that have come since the last `start`. */
  readonly items: readonly Item[];
  readonly error: Error | undefined;
  /** Calls the function; a stream that still runs is ended. Resolves when it has ended; never rejects. */
  readonly start: (...data: DataArguments<FunctionInput<Name>, Omit<StreamOptions, 'signal' | 'as'>>) => Promise<void>;
  /** Ends the stream; the items stay. */
  readonly abort: () => void;
}

interface Shown<Item> {
  readonly state: FunctionCallState;
  readonly items: readonly Item[];
  readonly error: Error | undefined;
}

type StreamByName = (name: string, data?: unknown, options?: StreamOptions) => FunctionStream<unknown>;

export function useFunctionStream<Name extends FunctionName, Format extends StreamFormat = 'ndjson'>(
  name: Name,
  options: { readonly client?: Caller | undefined; readonly as?: Format | undefined } = {},
): FunctionStreamCall<Name, Items[Format]> {
  type Item = Items[Format];
  const { functions } = useMartlet(options.client);
  const { begin, end } = useLatestCall();
  const { as } = options;
  const [shown, setShown] = useState<Shown<Item>>({ state: 'idle', items: [], error: undefined });

  const start = useCallback(
    async (data?: unknown, streamOptions: Omit<StreamOptions, 'signal' | 'as'> = {}): Promise<void> => {
      const { signal, current } = begin();
      setShown({ state: 'pending', items: [], error: undefined });
      try {
        const stream = (functions.stream as StreamByName)(name, withoutEvent(data), { ...streamOptions, as, signal });
        for await (const item of stream) {
          if (!current()) return;
          setShown((before) => ({ ...before, items: [...before.items, item as Item] }));
        }
        if (current()) setShown((before) => ({ ...before, state: 'success' }));
      } catch (error) {
        if (current()) setShown((before) => ({ ...before, state: 'error', error: asError(error) }));
      }
    },
    [functions, name, as, begin],
  );

  const abort = useCallback(() => {
    end();
    setShown((before) => (before.state === 'pending' ? { ...before, state: 'idle' } : before));
  }, [end]);

  return { ...shown, start: start as FunctionStreamCall<Name, Item>['start'], abort };
}
