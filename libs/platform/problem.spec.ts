import { describe, expect, it } from '@jest/globals';
import { NotFoundException } from '@nestjs/common';
import { DomainError, type Refusal } from '#libs/event-sourcing/domain-error';
import { RevisionConflict } from '#libs/event-sourcing/event-store';
import { type StreamName } from '#libs/event-sourcing/event';
import { StorageError, StorageFull } from '#libs/sqlite/storage-error';
import { PreconditionRequired } from './caller.ts';
import { Forbidden, MethodNotAllowed, problemBody, problemOf, TooManyAttempts, Unauthenticated } from './problem.ts';

describe('an error as the caller sees it', () => {
  it.each<[Refusal, number]>([
    ['invalid', 400],
    ['not-found', 404],
    ['conflict', 409],
    ['stale', 412],
    ['rejected', 422],
    ['unavailable', 503],
  ])('a refusal "%s" is %i, with its code, sentence and fields', (refusal, status) => {
    const errors = [{ path: 'name', message: 'is taken' }];
    expect(problemOf(new DomainError(refusal, 'some-code', 'A sentence.', errors))).toMatchObject({
      status,
      code: 'some-code',
      detail: 'A sentence.',
      errors,
    });
  });

  it('is told when to come again where that helps', () => {
    expect(problemOf(new DomainError('unavailable', 'projection-behind', '')).headers).toEqual({ 'retry-after': '1' });
    expect(problemOf(new TooManyAttempts('Later.', 90)).headers).toEqual({ 'retry-after': '90' });
  });

  it.each([
    [new Unauthenticated(), 401, 'access-token-needed'],
    [new Forbidden('No.'), 403, 'not-permitted'],
    [new Forbidden('No.', 'not-by-delegated-access'), 403, 'not-by-delegated-access'],
    [new PreconditionRequired(), 428, 'if-match-required'],
    [new MethodNotAllowed('PUT', ['GET']), 405, 'method-not-allowed'],
    [new TooManyAttempts('Later.', 1), 429, 'too-many-attempts'],
    [new RevisionConflict('a.b-c' as StreamName, 3), 409, 'lost-race'],
    [new StorageFull('/secret/path'), 507, 'storage-full'],
    [new StorageError('corrupt', '/secret/path is damaged'), 503, 'storage-unavailable'],
    [new NotFoundException('Cannot GET /x'), 404, 'route-not-found'],
  ])('%s', (error, status, code) => {
    expect(problemOf(error)).toMatchObject({ status, code });
  });

  it.each([
    new Error('password=hunter2 at /secret/path'),
    Object.assign(new Error('from a library'), { statusCode: 404 }),
    'a thrown string hunter2',
    undefined,
  ])('says nothing of what is not theirs: %s', (error) => {
    const problem = problemOf(error);
    expect(problem).toMatchObject({ status: 500, code: 'internal-error', ours: true });
    expect(JSON.stringify(problem)).not.toMatch(/hunter2|secret|damaged|library/);
  });

  it('has the members of RFC 9457', () => {
    expect(problemBody(problemOf(new DomainError('conflict', 'email-taken', 'Taken.')), 'abc')).toEqual({
      type: 'urn:tributary:problem:email-taken',
      title: 'Conflict',
      status: 409,
      detail: 'Taken.',
      code: 'email-taken',
      traceId: 'abc',
    });
  });
});
