import { IsInt, Max, Min, ValidateBy } from 'class-validator';
import { Variable } from '#libs/platform/configuration';

/** When a data source turns from healthy to not. */
export class SourceHealthConfiguration {
  @Variable(
    'SOURCE_WARNING_HOURS',
    'Age of a scheduled source’s data, or of a source without any, above which its health is Warning',
  )
  @IsInt()
  @Min(1)
  @Max(8_760)
  warningHours = 24;

  @Variable('SOURCE_FAILED_HOURS', 'The same for Failed; both are longer for a source that promises deliveries less often')
  @IsInt()
  @Min(1)
  @Max(8_760)
  @ValidateBy({
    name: 'notBeforeWarning',
    validator: {
      validate: (failed, asked) =>
        asked?.object instanceof SourceHealthConfiguration && Number(failed) >= asked.object.warningHours,
      defaultMessage: () => '$property must not be less than SOURCE_WARNING_HOURS',
    },
  })
  failedHours = 48;

  @Variable('MONTH_CLOSES_AFTER_DAYS', 'Days into the next month after which changed usage of a month counts as restated')
  @IsInt()
  @Min(0)
  @Max(366)
  monthClosesAfterDays = 5;
}
