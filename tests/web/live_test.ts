import { testJourney } from "./journey.ts";

testJourney("what comes in by itself", "live.ts");
