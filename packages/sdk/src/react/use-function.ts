/** One function as a hook: called when asked to, with its state at hand. */
import { useCallback, useState } from 'react';
import type { Caller } from '../client.ts';
import { MartletError } from '../errors.ts';
import type { FunctionResult } from '../functions/answer.ts';
import type { InvokeOptions } from '../functions/functions.ts';
import type { DataArguments, FunctionInput, FunctionName, FunctionOutput } from '../registry.ts';
import { useMartlet } from './client-context.ts';
import { useLatestCall } from './latest-call.ts';

export type FunctionCallState = 'idle' | 'pending' | 'success' | 'error';

export interface FunctionCall<Name, Output> {
  readonly state: FunctionCallState;
  /** Of the last call that succeeded; it stays while the next one runs. */
  readonly data: Output | undefined;
  /** Of the last call, where it failed. */
  readonly error: Error | undefined;
  /**
   * Calls the function; a call that still runs is ended. Resolves with the data, or with undefined where the call failed
   * or was ended, so that it can be used as an event handler: it never rejects.
   */
  readonly invoke: (...data: DataArguments<FunctionInput<Name>, Omit<InvokeOptions, 'signal'>>) => Promise<Output | undefined>;
  /** Ends the call that runs. */
  readonly abort: () => void;
}

interface Shown<Output> {
  readonly state: FunctionCallState;
  readonly data: Output | undefined;
  readonly error: Error | undefined;
}

type InvokeByName = (name: string, data?: unknown, options?: InvokeOptions) => Promise<FunctionResult>;

export function useFunction<Name extends FunctionName, Output = FunctionOutput<Name>>(
  name: Name,
  options: { readonly client?: Caller | undefined } = {},
): FunctionCall<Name, Output> {
  const { functions } = useMartlet(options.client);
  const { begin, end } = useLatestCall();
  const [shown, setShown] = useState<Shown<Output>>({ state: 'idle', data: undefined, error: undefined });

  const invoke = useCallback(
    async (data?: unknown, invokeOptions: Omit<InvokeOptions, 'signal'> = {}): Promise<Output | undefined> => {
      const { signal, current } = begin();
      setShown(({ data: before }) => ({ state: 'pending', data: before, error: undefined }));
      try {
        const result = await (functions.invoke as InvokeByName)(name, withoutEvent(data), { ...invokeOptions, signal });
        if (!current()) return undefined;
        const output = result.data as Output;
        setShown({ state: 'success', data: output, error: undefined });
        return output;
      } catch (error) {
        if (current()) setShown(({ data: before }) => ({ state: 'error', data: before, error: asError(error) }));
        return undefined;
      }
    },
    [functions, name, begin],
  );

  const abort = useCallback(() => {
    end();
    setShown((before) => (before.state === 'pending' ? { ...before, state: before.data === undefined ? 'idle' : 'success' } : before));
  }, [end]);

  return { ...shown, invoke: invoke as FunctionCall<Name, Output>['invoke'], abort };
}

/** `onClick={invoke}` hands over the event, which is no data. */
export function withoutEvent(data: unknown): unknown {
  return typeof data === 'object' && data !== null && 'nativeEvent' in data ? undefined : data;
}

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new MartletError('The call failed.', error);
}
