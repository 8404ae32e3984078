import { testJourney } from "./journey.ts";

testJourney("recordings and trying a target", "recordings.ts");
