import { expect, it } from 'vitest';
import { isOneStatement } from '../../postgres-store/lanes.ts';
import { aJob } from '../../../../test/support/rows.ts';
import { jobsInPieces } from './enqueue.ts';

const MB = 1_048_576;
const jobsOf = (sizes: readonly number[]) => sizes.map((size, index) => aJob({ id: `j${index}` }, { body: new Uint8Array(size) }));
const piecesOf = (sizes: readonly number[]) => jobsInPieces(jobsOf(sizes)).map((piece) => piece.map(({ body }) => body.length));

it('cuts a batch by rows and by the bytes of its bodies, in its order', () => {
  expect(piecesOf([])).toEqual([]);
  expect(piecesOf([8 * MB, 8 * MB, 1, 2])).toEqual([
    [8 * MB, 8 * MB],
    [1, 2],
  ]);
  expect(piecesOf([1, 20 * MB, 1])).toEqual([[1], [20 * MB], [1]]);
  expect(piecesOf(Array.from({ length: 1001 }, () => 1)).map(({ length }) => length)).toEqual([500, 500, 1]);
});

it('takes a batch for one statement only where it is one', () => {
  const isOne = (sizes: readonly number[]) => isOneStatement('jobs.enqueue', { batch: jobsOf(sizes), decisions: [] });
  expect([isOne([8 * MB, 8 * MB]), isOne([8 * MB, 9 * MB])]).toEqual([true, false]);
});
