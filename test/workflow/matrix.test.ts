import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { expandMatrix } from '../../src/workflow/matrix.ts';

const labels = (value: Parameters<typeof expandMatrix>[0]): string[] =>
  expandMatrix(value).map(({ label }) => label);

describe('expandMatrix', () => {
  test.for([
    { name: 'one list', matrix: { module: ['index', 'query'] }, labels: ['index', 'query'] },
    {
      name: 'the last key changes fastest',
      matrix: { os: ['a', 'b'], node: [20, 22] },
      labels: ['a,20', 'a,22', 'b,20', 'b,22'],
    },
    {
      name: 'exclude removes what fits',
      matrix: { os: ['a', 'b'], node: [20, 22], exclude: [{ os: 'a', node: 22 }] },
      labels: ['a,20', 'b,20', 'b,22'],
    },
    {
      name: 'include extends what it does not contradict',
      matrix: { os: ['a', 'b'], include: [{ os: 'a', extra: 1 }] },
      labels: ['a,1', 'b'],
    },
    {
      name: 'include that fits nothing stands by itself',
      matrix: { os: ['a'], include: [{ os: 'z' }] },
      labels: ['a', 'z'],
    },
    { name: 'include alone', matrix: { include: [{ os: 'a' }, { os: 'b' }] }, labels: ['a', 'b'] },
    { name: 'a list of values', matrix: ['x', 'y'], labels: ['x', 'y'] },
    { name: 'a list of maps', matrix: [{ a: 1, b: 2 }], labels: ['1,2'] },
    {
      name: 'labels that would be alike get numbers',
      matrix: { path: ['a/b', 'a b'] },
      labels: ['a-b', 'a-b#2'],
    },
    { name: 'values that are objects', matrix: { v: [{ n: 'x', k: [1] }] }, labels: ['x-1'] },
  ])('$name', (row) => {
    expect(labels(row.matrix)).toEqual(row.labels);
  });

  test.for([
    {
      name: 'text',
      matrix: 'index',
      what: 'a matrix must be a list or a map of lists, not string "index"',
    },
    {
      name: 'nothing',
      matrix: null,
      what: 'a matrix must be a list or a map of lists, not nothing',
    },
    { name: 'an empty list', matrix: [], what: 'the matrix has no instance' },
    { name: 'an empty key', matrix: { m: [] }, what: '"m" of the matrix is empty' },
    {
      name: 'a value that is no list',
      matrix: { m: 'a' },
      what: '"m" of the matrix must be a list, not "a"',
    },
    {
      name: 'a value twice',
      matrix: { m: ['a', 'a'] },
      what: '"m" of the matrix has the value "a" twice',
    },
    {
      name: 'an object twice, keys in another order',
      matrix: [
        { a: 1, b: 2 },
        { b: 2, a: 1 },
      ],
      what: 'the matrix has the instance {"a":1,"b":2} twice',
    },
    {
      name: 'everything excluded',
      matrix: { m: ['a'], exclude: [{ m: 'a' }] },
      what: 'the matrix has no instance',
    },
    {
      name: 'too many',
      matrix: {
        a: Array.from({ length: 200 }, (_, i) => i),
        b: Array.from({ length: 200 }, (_, i) => i),
      },
      what: 'the matrix has 40000 instances; at most 10000 are allowed',
    },
    {
      name: 'include that is no list of maps',
      matrix: { a: [1], include: ['x'] },
      what: '"include" of the matrix must be a list of maps',
    },
  ])('$name is an error', ({ matrix, what }) => {
    expect(() => expandMatrix(matrix)).toThrow(what);
  });

  test('labels are unique, readable in an id, and there are as many as combinations', () => {
    const values = fc.uniqueArray(fc.oneof(fc.string({ unit: 'grapheme' }), fc.integer()), {
      minLength: 1,
      maxLength: 5,
    });
    fc.assert(
      fc.property(values, values, (a, b) => {
        const all = labels({ a, b });
        expect(new Set(all).size).toBe(a.length * b.length);
        for (const label of all) expect(label).toMatch(/^[^\s()/[\]]+$/u);
      }),
    );
  });
});
