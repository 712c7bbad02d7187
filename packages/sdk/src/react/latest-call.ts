/** At most one call at a time: the next one ends the one before, and the component that goes away ends the last. */
import { useCallback, useEffect, useRef } from 'react';

export interface LatestCall {
  /** Ends what runs. `current()` of the new call is true as long as nobody has ended it. */
  begin(): { readonly signal: AbortSignal; current(): boolean };
  end(): void;
}

export function useLatestCall(): LatestCall {
  const running = useRef<AbortController | undefined>(undefined);
  const end = useCallback(() => {
    running.current?.abort();
    running.current = undefined;
  }, []);
  const begin = useCallback(() => {
    end();
    const call = new AbortController();
    running.current = call;
    return { signal: call.signal, current: () => running.current === call };
  }, [end]);
  useEffect(() => end, [end]);
  return { begin, end };
}
