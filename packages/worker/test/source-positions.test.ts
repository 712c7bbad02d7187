import { SourceMap } from 'node:module';
import { transformSync } from 'esbuild';
import { assert, constantFrom, nat, property, string } from 'fast-check';
import { expect, it } from 'vitest';
import { SourcePositions } from '../src/stack/source-positions.ts';

const source = Array.from(
  { length: 60 },
  (_, index) =>
    `export function f${index}(name: string, count = ${index}) {\n  // é ${index}\n  return [name, ...new Set([count])].map((item) => \`\${item}-${index}\`)\n}\n`,
).join('\n');

it.each([true, false])('finds the same places as Node does (minified: %s)', (minify) => {
  const { code, map } = transformSync(source, { loader: 'ts', sourcemap: 'external', sourcefile: 'f.ts', minify });
  const positions = new SourcePositions(map);
  const reference = new SourceMap(JSON.parse(map));
  const different: object[] = [];
  let compared = 0;
  for (const [line, text] of code.split('\n').entries()) {
    for (let column = 0; column < text.length; column += 1) {
      const entry = reference.findEntry(line, column);
      // Node looks into earlier lines where this line has nothing before the column.
      if (!('generatedLine' in entry) || entry.generatedLine !== line) continue;
      compared += 1;
      const found = positions.find(line, column);
      if (found?.source !== entry.originalSource || found.line !== entry.originalLine || found.column !== entry.originalColumn)
        different.push({ line, column, found, entry });
    }
  }
  expect(different).toEqual([]);
  expect(compared).toBeGreaterThan(1000);
});

it('knows no place outside of the map, or where code comes from no source', () => {
  const positions = new SourcePositions(JSON.stringify({ version: 3, sources: ['a.ts'], mappings: ';AAAA,I;EACE' }));
  expect(positions.find(-1, 0)).toBeUndefined();
  expect(positions.find(0, 5)).toBeUndefined();
  expect(positions.find(1, 3)).toEqual({ source: 'a.ts', line: 0, column: 0 });
  expect(positions.find(1, 4)).toBeUndefined();
  expect(positions.find(2, 1)).toBeUndefined();
  expect(positions.find(2, 9)).toEqual({ source: 'a.ts', line: 1, column: 2 });
  expect(positions.find(3, 0)).toBeUndefined();
});

it.each([
  'null',
  '[]',
  '{"mappings":5,"sources":[]}',
  '{"mappings":"!","sources":[]}',
  '{"mappings":"gggggggggggg","sources":[]}',
  '{"mappings":"é","sources":[]}',
  '{',
])('refuses %s', (json) => expect(() => new SourcePositions(json)).toThrow(SyntaxError));

it('ends for every text as mappings', () => {
  const characters = string({ unit: constantFrom(...'ABCDgz+/,,;;!') });
  assert(
    property(characters, nat(5), nat(50), (mappings, line, column) => {
      let positions: SourcePositions;
      try {
        positions = new SourcePositions(JSON.stringify({ sources: ['a', null], mappings }));
      } catch (error) {
        expect(error).toBeInstanceOf(SyntaxError);
        return;
      }
      expect(typeof positions.find(line, column)?.source).toMatch(/^(?:string|undefined)$/);
    }),
  );
});
