import { testJourney } from "./journey.ts";

testJourney("every page is accessible in both themes and loads nothing from elsewhere", "accessibility.ts");
