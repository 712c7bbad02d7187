import { expect, test } from 'vitest';
import { addressOfHost, addressOfUrl } from './function-address.ts';

test('a URL means the same however often it is asked for, and whatever was asked for between', () => {
  // Thousands of URLs share a few hundred places.
  const names = Array.from({ length: 3000 }, (_, index) => `f${index.toString(36)}`);
  for (let round = 0; round < 2; round += 1) {
    for (const name of names) {
      expect(addressOfUrl(`/functions/${name}?q=${round}`)).toEqual({ projectId: undefined, path: name, query: `?q=${round}` });
      expect(addressOfUrl(`/api/apps/p1/functions/${name}/rest`)).toEqual({ projectId: 'p1', path: `${name}/rest`, query: '' });
    }
  }
});

test('a path that no name can be is refused each time', () => {
  for (let time = 0; time < 3; time += 1) expect(() => addressOfUrl('/functions/a/../b')).toThrow('Cannot find a function by this path');
});

test('what is not of the data plane is nothing, each time', () => {
  for (const url of ['/v1/functions', '/', '', '/v1/functions']) expect(addressOfUrl(url)).toBeUndefined();
});

test('a host is a function only below the domain of functions', () => {
  expect(addressOfHost('Hello.Fn.example:80', '/a?b', 'fn.example')).toEqual({ projectId: undefined, path: 'hello/a', query: '?b' });
  expect(addressOfHost('fn.example', '/', 'fn.example')).toBeUndefined();
  expect(addressOfHost(undefined, '/', 'fn.example')).toBeUndefined();
  expect(addressOfHost('hello.fn.example', '/', '')).toBeUndefined();
});
