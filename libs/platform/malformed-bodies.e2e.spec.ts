import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Body, Controller, HttpCode, Module, Post, Req } from '@nestjs/common';
import { type FastifyRequest } from 'fastify';
// Gives requests their `parts()`.
import type {} from '@fastify/multipart';
import { type Command } from '#libs/event-sourcing/command';
import { CommandOf } from './caller.ts';
import { AnyUser } from './requires.ts';
import { type HttpClient, startPlatform, type TestPlatform } from './testing/platform.ts';
import { IsName } from './validation.ts';

class NoteInput {
  @IsName()
  text!: string;
}

@Controller('bodies')
class BodiesController {
  @Post()
  @HttpCode(200)
  @AnyUser()
  take(@Body() { text }: NoteInput, @CommandOf() _command: Command): string {
    return text;
  }

  @Post('upload')
  @HttpCode(200)
  @AnyUser()
  async upload(@Req() request: FastifyRequest): Promise<readonly string[]> {
    const names: string[] = [];
    for await (const part of request.parts()) {
      if (part.type === 'file') await part.toBuffer();
      names.push(part.fieldname);
    }
    return names;
  }
}

@Module({ controllers: [BodiesController] })
class BodiesModule {}

const JSON_TYPE = { 'content-type': 'application/json' };
const FILE_PART = '--x\r\nContent-Disposition: form-data; name="files"; filename="a.csv"\r\n\r\na,b\r\n';

describe('a body that is not what it says', () => {
  let platform: TestPlatform;
  let operator: HttpClient;

  beforeAll(async () => {
    platform = await startPlatform([{ name: 'bodies', module: BodiesModule, projections: [], consumers: () => [] }]);
    operator = await platform.asOperator();
  });
  afterAll(() => platform.close());

  it.each([
    ['lists', '['.repeat(100_000) + ']'.repeat(100_000)],
    ['objects', '{"a":'.repeat(65) + '1' + '}'.repeat(65)],
    ['many objects', '{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000)],
  ])('is refused when it nests %s deeper than any input, before anything walks it', async (_, body) => {
    const answer = await operator.send('POST', '/bodies', body, JSON_TYPE);
    expect(answer).toMatchObject({ status: 400, body: { code: 'body-too-deep' } });
  });
  it('is read to the last level that is allowed', async () => {
    const answer = await operator.send('POST', '/bodies', '{"a":'.repeat(64) + '1' + '}'.repeat(64), JSON_TYPE);
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid-input' } });
  });

  it.each(['__proto__', 'constructor', 'prototype', 'toString'])(
    'is told which field is unknown where that is %s',
    async (name) => {
      const answer = await operator.send('POST', '/bodies', `{"text": "a", "${name}": {"prototype": 1}}`, JSON_TYPE);
      expect(answer).toMatchObject({
        status: 400,
        body: { code: 'invalid-input', errors: [{ path: name, message: 'is not a known field' }] },
      });
    },
  );

  it.each([
    ['names no boundary', 'multipart/form-data', FILE_PART],
    ['ends in the middle of a file', 'multipart/form-data; boundary=x', FILE_PART.slice(0, -2)],
    ['ends before its first part', 'multipart/form-data; boundary=x', '--x'],
    ['is empty', 'multipart/form-data; boundary=x', ' '],
  ])('is a 400 when an upload %s', async (_, type, body) => {
    const answer = await operator.send('POST', '/bodies/upload', body, { 'content-type': type });
    expect(answer).toMatchObject({ status: 400, body: { code: 'malformed-request' } });
  });
  it('is taken when the upload is whole', async () => {
    const type = { 'content-type': 'multipart/form-data; boundary=x' };
    const answer = await operator.send('POST', '/bodies/upload', `${FILE_PART}--x--\r\n`, type);
    expect(answer).toMatchObject({ status: 200, body: ['files'] });
  });
  it('is a problem document also where there is no request to answer', async () => {
    const answer = await operator.get<{ code: string }>(`/bodies?a=${'x'.repeat(20_000)}`);
    expect([answer.status, answer.body.code]).toEqual([431, 'headers-too-large']);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
  });
  it('is refused when its text is half a character, which no store keeps', async () => {
    expect(await operator.post('/bodies', { text: 'a\ud800' })).toMatchObject({ status: 400, body: { code: 'invalid-input' } });
    expect(await operator.post('/bodies', { text: '𝒳' })).toMatchObject({ status: 200 });
  });
});
