import { describe, expect, it } from '@jest/globals';
import { comparable, differences } from './comparable.ts';

const LOG = 'c7a0e0a8-3f0e-4c57-9d52-6c4f0e8a1a11';
const cursorOf = (...place: readonly unknown[]): string => Buffer.from(JSON.stringify(place)).toString('base64url');
const answer = (text: string, headers: Readonly<Record<string, string>> = {}, status = 200) =>
  comparable('GET /x', { status, headers, text });

describe('two answers', () => {
  const same = (one: string, other: string) => differences([answer(one)], [answer(other)]).length === 0;

  it('are the same whenever they were given, under whatever trace', () => {
    expect(same('{"at":"2026-01-31T12:00:00.000Z"}', '{"at":"2026-02-01T00:00:00.123Z"}')).toBe(true);
    expect(same(`{"traceId":"${'a'.repeat(32)}"}`, `{"traceId":"${'b'.repeat(32)}"}`)).toBe(true);
    expect(differences([answer('', { date: 'a', etag: '"1"' })], [answer('', { date: 'b', etag: '"1"' })])).toEqual([]);
  });

  it('may tell of the same rating under another id, and of nothing else', () => {
    const event = (id: string, type: string): string => `{"id":"${LOG.replace('c7', id)}","type":"${type}","data":{}}`;
    expect(same(event('c7', 'BillRevised'), event('d8', 'BillRevised'))).toBe(true);
    expect(same(event('c7', 'ContactAdded'), event('d8', 'ContactAdded'))).toBe(false);
  });

  it('may tell of the same login under another id, also in the cursor of a list', () => {
    const told = (id: string, login: string) => {
      const text = `{"items":[{"id":"${id}"}],"nextCursor":"${cursorOf('name', id)}"}`;
      return comparable('GET /x', { status: 200, headers: {}, text }, [login]);
    };
    expect(differences([told('first', 'first')], [told('second', 'second')])).toEqual([]);
    expect(differences([told('first', 'first')], [told('second', 'first')])).toHaveLength(1);
  });

  it('differ by any other byte, header or status', () => {
    expect(same('{"total":1}', '{"total":2}')).toBe(false);
    expect(same('{"total":1}', '{"total": 1}')).toBe(false);
    expect(same('{"at":"2026-01-31T12:00:00.000Z"}', '{"at":null}')).toBe(false);
    expect(same('{"from":"2026-01-31"}', '{"from":"2026-02-01"}')).toBe(false);
    expect(differences([answer('', { etag: '"1"' })], [answer('', { etag: '"2"' })])).toHaveLength(1);
    expect(differences([answer('', {}, 404)], [answer('', {}, 200)])).toHaveLength(1);
  });

  it('may lead on to another place of the log, and to no other place of a list', () => {
    const next = (...place: readonly unknown[]): string => `{"nextCursor":"${cursorOf(...place)}"}`;
    expect(same(next(LOG, 7), next(LOG, 900))).toBe(true);
    expect(same(next(LOG, 7), next('another log', 7))).toBe(false);
    expect(same(next(LOG, 7, 'tenants'), next(LOG, 7, 'contracts'))).toBe(false);
    expect(same(next('2026-01-31T12:00:00.000Z', 'id'), next('2026-01-31T13:00:00.000Z', 'id'))).toBe(true);
    expect(same(next('name', 'id'), next('name', 'other'))).toBe(false);
    expect(same(next('name', 'id'), '{"nextCursor":null}')).toBe(false);
  });
});

describe('two runs', () => {
  it('differ where one has an answer more', () => {
    expect(differences([answer('')], [])).toEqual(['request 1 is GET /x alone, and none beside the others']);
  });
});
