/**
 * Makes stacks readable: positions in the bundled code become positions in the author's files, and frames of the worker
 * itself go. The source map is parsed when the first stack is asked for, as most functions never throw.
 */
import { readError } from './read-error.ts';
import { SourcePositions } from './source-positions.ts';

export interface StackMapper {
  /** Rewrites the stack lines inside a text; a text without any is given back as it is. */
  mapText(text: string): string;
  /** What the record of a failed execution keeps. Never throws, and holds to the sizes of a failure message. */
  describeError(error: unknown): { name: string; message: string; stack: string };
}

export interface StackMapperOptions {
  /** The file name under which the code of the function was compiled. */
  readonly file: string;
  /** Source map of that file as JSON; empty when there is none. */
  readonly sourceMap: Buffer;
  /** File of the worker, whose frames are nobody's business. Default: the script of this process. */
  readonly workerFile?: string;
}

/** Sizes of `FailureMessage`, which the server checks. */
const NAME_MAX = 200;
const MESSAGE_MAX = 10_000;
/** With the message at most 240 KB as JSON, where a character may take six bytes: a frame of a worker holds 256 KiB. */
const STACK_MAX = 30_000;

/** Where it lies depends on the sandbox. Read at once, as a function may write to `argv`. */
const OWN_SCRIPT = process.argv[1] ?? 'worker.cjs';

const FRAME = /^\s+at /;
const RUNTIME_FRAME = /^\s+at (?:async )?(?:.*\()?node:/;

export function createStackMapper({ file, sourceMap, workerFile = OWN_SCRIPT }: StackMapperOptions): StackMapper {
  const find = lazyOrigins(sourceMap);
  const position = new RegExp(`(?:file://)?${file.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}:(\\d+):(\\d+)`, 'g');
  const mapLine = (line: string): string =>
    line.includes(file) ? line.replace(position, (whole, row: string, column: string) => find(Number(row), Number(column)) ?? whole) : line;

  const mapText = (text: string): string => {
    if (!text.includes('    at ')) return text;
    const lines: string[] = [];
    let afterWorker = false;
    for (const line of text.split('\n')) {
      const isFrame = FRAME.test(line);
      if (isFrame && line.includes(workerFile)) {
        afterWorker = true;
        continue;
      }
      // Below the worker's own frames there is only the machinery that called the worker.
      if (isFrame && afterWorker && RUNTIME_FRAME.test(line)) continue;
      afterWorker = false;
      lines.push(isFrame ? mapLine(line) : line);
    }
    return lines.join('\n');
  };

  return {
    mapText,
    describeError(error) {
      const { name, message, stack } = readError(error, STACK_MAX);
      return { name: name.slice(0, NAME_MAX), message: message.slice(0, MESSAGE_MAX), stack: mapText(stack).slice(0, STACK_MAX) };
    },
  };
}

type FindOrigin = (row: number, column: number) => string | undefined;

function lazyOrigins(json: Buffer): FindOrigin {
  let positions: SourcePositions | undefined;
  let tried = json.length === 0;
  return (row, column) => {
    if (!tried) {
      tried = true;
      positions = parse(json);
    }
    const found = positions?.find(row - 1, column - 1);
    return found === undefined ? undefined : `${withoutClimb(found.source)}:${found.line + 1}:${found.column + 1}`;
  };
}

/** A map that cannot be read costs the author the positions, and must not cost the error itself. */
function parse(json: Buffer): SourcePositions | undefined {
  try {
    return new SourcePositions(json.toString());
  } catch {
    return undefined;
  }
}

/** Sources stand relative to where the bundle was written; what the author knows is the path in the project. */
function withoutClimb(source: string): string {
  return source.replace(/^(?:\.{1,2}\/)+/, '');
}
