import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional, ApiResponse } from '@nestjs/swagger';

export class ProblemField {
  @ApiProperty({ description: 'Field, row or rule concerned', example: 'terms.priceBooks[0].percentage' })
  path!: string;

  @ApiProperty({ example: 'must be between -100 and 100' })
  message!: string;
}

/** RFC 9457. What every refusal and failure answers, as `application/problem+json`. */
export class Problem {
  @ApiProperty({ description: 'URN of the code', example: 'urn:tributary:problem:tenant-not-found' })
  type!: string;

  @ApiProperty({ example: 'Not Found' })
  title!: string;

  @ApiProperty({ example: 404 })
  status!: number;

  @ApiProperty({ example: 'There is no such tenant within your reach.' })
  detail!: string;

  @ApiProperty({ description: 'Stable, in kebab-case: what programs look at', example: 'tenant-not-found' })
  code!: string;

  @ApiPropertyOptional({ type: [ProblemField], description: 'Each fault by its field' })
  errors?: ProblemField[];

  @ApiProperty({ description: 'Finds the request in the logs', example: '4bf92f3577b34da6a3ce929d0e0e4736' })
  traceId!: string;
}

const MEANING = {
  400: 'The input itself is wrong; `errors` names each field',
  401: 'No valid access token',
  403: 'The role does not allow it',
  404: 'Not there, or outside the reach of the caller: the two are not told apart',
  409: 'It exists already, or another writer was faster',
  412: '`If-Match` names an older revision',
  413: 'The body is larger than the limit',
  414: 'A parameter of the path is longer than any id',
  415: 'The body is of another type than the route reads',
  416: 'The file has no such bytes',
  422: 'A business rule forbids it, or the Idempotency-Key was used with another body',
  428: 'The route wants `If-Match`',
  429: 'Too many attempts; see `Retry-After`',
  431: 'Address and headers are longer than 16 KiB',
  503: 'Not answerable now; see `Retry-After`',
  507: 'The disk is full',
} as const;

type ProblemStatus = keyof typeof MEANING;

/** How the docs describe the answer of a problem. */
export const problemResponse = (status: ProblemStatus) => ({
  description: MEANING[status],
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
});

/** Tells the API docs which problems a route answers. */
export const describeProblems = (...statuses: readonly ProblemStatus[]): MethodDecorator & ClassDecorator =>
  applyDecorators(...statuses.map((status) => ApiResponse({ status, ...problemResponse(status) })));
