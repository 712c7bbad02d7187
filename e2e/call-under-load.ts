/** Callers who keep a server busy, and remember for each call when it was sent and what came of it. */
export interface Call {
  /** Stands in the query, so that its execution is found by its path where no answer told an id. */
  readonly tag: string;
  readonly sentAt: number;
  /** When the last byte of the answer was here; undefined: it never was. */
  answeredAt?: number;
  status?: number;
  executionId?: string;
  /** Whether the server said that it takes no further request on this connection. */
  closing?: boolean;
}

export interface Load {
  readonly calls: readonly Call[];
  /** No more calls; resolves when the last has been answered or lost. */
  stop(): Promise<void>;
}

export interface LoadOptions {
  /** Tells the calls of this load from those of others. */
  readonly name: string;
  /** One caller for each list of paths, who calls one after the other in a circle. */
  readonly callers: readonly (readonly string[])[];
}

/** A lost call is followed by a short pause. */
export function callUnderLoad(url: string, { name, callers }: LoadOptions): Load {
  const calls: Call[] = [];
  let stopped = false;
  const working = callers.map(async (paths, caller) => {
    for (let turn = 0; !stopped; turn += 1) {
      const call: Call = { tag: `${name}-${caller}-${turn}`, sentAt: performance.now() };
      calls.push(call);
      await send(`${url}/functions/${paths[turn % paths.length]}`, call);
      if (call.answeredAt === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
  return {
    calls,
    async stop() {
      stopped = true;
      await Promise.all(working);
    },
  };
}

async function send(address: string, call: Call): Promise<void> {
  const url = new URL(address);
  url.searchParams.set('tag', call.tag);
  try {
    const response = await fetch(url);
    call.status = response.status;
    call.executionId = response.headers.get('x-martlet-execution-id') ?? '';
    call.closing = response.headers.get('connection') === 'close';
    await response.arrayBuffer();
    call.answeredAt = performance.now();
  } catch {
    // The connection was refused or cut: a call without an answer, which is what the tests look for.
  }
}
