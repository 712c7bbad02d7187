/** Copies everything from a source to a target, and counts it there before the target may be used. */
import { PlatformError } from '@martlet/protocol';
import type { CopyCounts, CopySource, CopyTarget } from '../../ports/copy.ts';

export interface CopyReport {
  /** Rows by table, counted in the target. */
  readonly tables: Readonly<Record<string, number>>;
  readonly rows: number;
  /** Artifacts that were copied this time. */
  readonly artifacts: number;
  /** `resumed`: an earlier run was cut off. `complete`: an earlier run had ended it, and nothing was done. */
  readonly was: 'new' | 'resumed' | 'complete';
}

export interface CopyOptions {
  readonly source: CopySource;
  readonly target: CopyTarget;
  /** Told now and then what is being copied. */
  readonly onProgress: (what: { readonly name: string; readonly copied: number }) => void;
}

/** @throws {PlatformError} `store_unavailable` when the target does not hold what the source has sent */
export async function copyAll({ source, target, onProgress }: CopyOptions): Promise<CopyReport> {
  const progress = await target.begin(source.facts);
  if (progress === 'complete') return report({ counts: await target.counts(), artifacts: 0, was: 'complete' });
  const copied = new Map<string, number>();
  let artifacts = 0;
  const sent = await source.send(progress, async (piece) => {
    await target.write(piece);
    if (piece.kind === 'artifact') {
      artifacts += 1;
      onProgress({ name: 'artifacts', copied: artifacts });
      return;
    }
    const rows = (copied.get(piece.table) ?? 0) + piece.rows.length;
    copied.set(piece.table, rows);
    onProgress({ name: piece.table, copied: rows });
  });
  const counts = await target.counts();
  refuseDifference(sent, counts);
  await target.finish(counts);
  return report({ counts, artifacts, was: progress.size > 0 ? 'resumed' : 'new' });
}

function refuseDifference(sent: CopyCounts, stored: CopyCounts): void {
  for (const table of new Set([...sent.keys(), ...stored.keys()])) {
    const [from, to] = [sent.get(table) ?? 0, stored.get(table) ?? 0];
    if (from !== to)
      throw new PlatformError(
        'store_unavailable',
        `Cannot end the copy: the table "${table}" has ${from} rows in the source and ${to} in the target. Start anew with an empty target.`,
      );
  }
}

function report({ counts, artifacts, was }: { counts: CopyCounts; artifacts: number; was: CopyReport['was'] }): CopyReport {
  return { tables: Object.fromEntries(counts), rows: [...counts.values()].reduce((sum, count) => sum + count, 0), artifacts, was };
}
