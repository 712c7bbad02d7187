/** The pure parts of type generation: what a source exports, and text that ends where it should. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { base44Types } from '../src/types/base44-types.ts';
import { namedTypes } from '../src/types/function-source.ts';
import { martletTypes, quoted } from '../src/types/martlet-types.ts';

test('exported types are found however they are exported, and nothing else', () => {
  expect(namedTypes('export type Input = { a: 1 };\nexport interface Output { b: 2 }')).toEqual(['Input', 'Output']);
  expect(namedTypes('type A = 1;\nexport type { A as Input, B, type C as Output } from "./x.ts";')).toEqual(['Input', 'Output']);
  expect(namedTypes('export {\n  type Output,\n};')).toEqual(['Output']);
  expect(namedTypes('// export type Input = 1\n  export type Output = 2;\ntype Input = 3;')).toEqual([]);
  expect(namedTypes('export type Inputs = 1; \nexport type Output<T> = T;\nexport const Input = 1;')).toEqual([]);
});

test('names and paths of any text stay inside their quotes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(JSON.parse(quoted(text))).toBe(text);
      expect(quoted(text)).not.toMatch(/[\n\r\u2028\u2029]/);
      const file = martletTypes([{ name: text, file: text, facts: { typed: true, named: [] } }]);
      expect(file).toContain(`    ${quoted(text)}: true;\n`);
      expect(file).toContain(`FunctionTypes<typeof import(${quoted(`../../${text}`)})>;`);
    }),
  );
});

test('the file of a Base44 project can be written over and over, beside other registries and alone', () => {
  const theirs = `import '@base44/sdk';\n\ndeclare module '@base44/sdk' {\n  interface AgentNameRegistry {\n    "a": true;\n  }\n}\n`;
  const names = ['$& $1', 'b'];
  const once = base44Types(names, theirs);
  expect(once).toContain('    "$& $1": true;\n    "b": true;\n');
  expect(once).toContain('interface AgentNameRegistry');
  expect(base44Types(names, once)).toBe(once);
  expect(base44Types([], once)).not.toContain('FunctionNameRegistry');
  expect(base44Types(names, base44Types(['gone'], undefined))).not.toContain('gone');
});
