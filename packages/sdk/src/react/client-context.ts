/** The client that the hooks below a provider use. */
import { createContext, createElement, useContext, type ReactElement, type ReactNode } from 'react';
import type { Caller } from '../client.ts';

const ClientContext = createContext<Caller | undefined>(undefined);

export interface MartletProviderProps {
  readonly client: Caller;
  readonly children?: ReactNode;
}

export function MartletProvider({ client, children }: MartletProviderProps): ReactElement {
  return createElement(ClientContext.Provider, { value: client }, children);
}

/** The client of the nearest provider, or the one that is handed in. @throws {Error} where there is neither */
export function useMartlet(own?: Caller): Caller {
  const provided = useContext(ClientContext);
  const client = own ?? provided;
  if (client === undefined)
    throw new Error('Cannot use a function: no client is there. Put <MartletProvider client={client}> around, or hand one in: { client }.');
  return client;
}
