import { describe, expect, it } from '@jest/globals';
import { MODULE_METADATA } from '@nestjs/common/constants.js';
import { type Type } from '@nestjs/common';
import { uncheckedInputsOf } from '#libs/platform/input-checks';
import { withoutRule } from '#libs/platform/routes';
import { contractsService } from './contracts.module.ts';

describe('the routes of contracts', () => {
  const controllers = Reflect.getMetadata(MODULE_METADATA.CONTROLLERS, contractsService.module) as readonly Type[];

  it('let no input pass unchecked', () => {
    expect(uncheckedInputsOf(controllers)).toEqual([]);
  });
  it('all say who may call them', () => {
    expect(controllers).toHaveLength(3);
    expect(withoutRule(controllers)).toEqual([]);
  });
});
